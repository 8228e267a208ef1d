/** How what is on a host that is lost goes to others, and how a host is taken out of the cloud, empty or lost. */
import Type from 'typebox'
import { closed, Name, nullable, Uuid } from './common.ts'
import { route } from './route.ts'

const params = closed({ host: Uuid })

export const hostRemovalRoutes = {
  remove: route({
    name: 'host.remove',
    method: 'DELETE',
    path: '/v1/hosts/:host',
    summary: 'Take a host without instances, or one that is lost, out of the cloud; its certificate is good no longer',
    level: 'system',
    needs: 'topology.manage',
    params,
    query: closed({
      lost: Type.Optional(
        Type.Boolean({
          description:
            'It will never be back. Only while it is unreachable. Instances whose disks other hosts have go there, and it has to be surely off for that (host.fence); what is on its own disks is given up with it',
        }),
      ),
      gives_up: Type.Optional(
        Type.Integer({
          minimum: 0,
          description:
            'With lost: how many instances and volumes that no instance has are given up for good with it. Refused, with a list of them, unless it is that many',
        }),
      ),
    }),
    status: 204,
    errors: ['not_found', 'in_use', 'wrong_state', 'unavailable'],
  }),
  evacuate: route({
    name: 'host.evacuate',
    method: 'POST',
    path: '/v1/hosts/:host/evacuate',
    summary:
      'Have all that can go from a host that is lost and surely off run on others, where these have its disks: highly available or not, each as its own operation',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 202,
    reply: closed({
      evacuated: Type.Array(
        closed({ instance_id: Uuid, instance: Name, host_id: Uuid, host: Name, operation_id: Uuid }),
        { description: 'Each with the host that it goes to' },
      ),
      left: Type.Array(closed({ instance_id: Uuid, instance: Name, reason: Type.String() })),
      host_reason: nullable(
        Type.String({
          description:
            'What of the host keeps those that it says so of, and what to do; said here once, while `reason` says what is of each alone. Null: nothing does',
        }),
      ),
    }),
    errors: ['not_found', 'wrong_state', 'unavailable'],
  }),
}
