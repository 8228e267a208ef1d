/** Hosts: the servers that instances run on, how they join, and what they have. */
import Type, { type Static } from 'typebox'
import { bmcKinds } from '../model/bmc.ts'
import { hostAttentions } from '../model/host-attention.ts'
import { hostAvailabilities } from '../model/host-state.ts'
import { closed, Name, nullable, oneOf, page, Tags, Time, Uuid, uuidOf } from './common.ts'
import { HostsAsked } from './host-asked.ts'
import { HostAbsence } from './host-absence.ts'
import { Disagreement } from './host-disagreement.ts'
import { hostHardwareRoutes } from './host-hardware.ts'
import { hostJoiningRoutes } from './host-joining.ts'
import { hostRemovalRoutes } from './host-removal.ts'
import { HostUpdate } from './host-update.ts'
import { route } from './route.ts'

export const hostStates = ['up', 'unreachable'] as const

export const Host = closed({
  id: Uuid,
  name: Name,
  cluster_id: Uuid,
  cluster: Name,
  zone: Name,
  state: oneOf(hostStates, {
    description: "'unreachable': its agent holds no link; that says nothing of its instances",
  }),
  availability: oneOf(hostAvailabilities, {
    description:
      "'late': missed two heartbeats; 'silent': holds no link; 'suspect': others are asked, or reach the machine; 'dead': others cannot reach it either; 'fenced': surely nothing of what may run elsewhere runs on it any more",
  }),
  availability_reason: Type.String({ description: 'In words; empty for a host that is up' }),
  attention: Type.Array(oneOf(hostAttentions), {
    description:
      "Why somebody should look at it, by the field that tells of it ('maintenance': something is in the way of it, see maintenance.get); empty: nobody needs to",
  }),
  absence: nullable(HostAbsence),
  fenced_through: nullable(
    oneOf(bmcKinds, { description: 'How its power is cut when it is lost; null: its lease is waited for' }),
  ),
  schedulable: Type.Boolean({ description: 'Whether new instances may be placed here' }),
  maintenance: nullable(
    closed(
      { since: Time, drained: Type.Boolean({ description: 'Nothing is on it any more' }) },
      { description: 'While it is in maintenance; see maintenance.get' },
    ),
  ),
  labels: Tags,
  vcpus_limit: Type.Integer({ description: 'After overcommit' }),
  vcpus_claimed: Type.Integer(),
  memory_limit_mib: Type.Integer(),
  memory_claimed_mib: Type.Integer(),
  disk_limit_gib: Type.Integer(),
  disk_claimed_gib: Type.Integer(),
  fullness_percent: Type.Number({
    description: 'How much is claimed of what it has least left of: vCPUs, memory or disk; 100: nothing to give',
  }),
  instances: Type.Integer(),
  pool_id: nullable(uuidOf('The pool that its disks are in; what is said of disk is of the whole pool')),
  reserved_memory_mib: nullable(
    Type.Integer({ description: 'Kept back for the host itself; null: as the setting host.reserved_memory_mib says' }),
  ),
  reserved_vcpus: nullable(
    Type.Integer({ description: 'CPU threads kept back for the host itself, before overcommit' }),
  ),
  aggregates: Type.Array(closed({ id: Uuid, name: Name }), { description: 'Aggregates that it is in' }),
  machine_id: Type.String(),
  hardware_id: nullable(
    Type.String({
      description:
        'By what its machine is known that no copy of its disk has: its board, or else its NICs. Null: not known',
    }),
  ),
  other_hardware: nullable(
    closed(
      {
        hardware: Type.String({ description: 'By what that machine is known' }),
        address: Type.String({ description: 'Where it asks from' }),
        since: Time,
        last_at: Time,
      },
      {
        description:
          'Another machine has its key, and asks to be it: its board was exchanged, or its disk was copied. It starts nothing and takes nothing over; see host.adopt-hardware',
      },
    ),
  ),
  cpu_missing: nullable(
    Type.Array(Type.String(), {
      description:
        'It cannot carry its cluster’s CPU baseline, and takes no instances: what it lacks. Null: it can, or is not known to',
    }),
  ),
  tunnel_address: nullable(
    Type.String({
      description: 'Where other hosts reach it: as it was registered, or set since; what it says itself is in facts',
    }),
  ),
  disbelieved: Type.Array(Type.String(), {
    description: 'What it says of itself and is not believed, as sentences; see docs/operators.md',
  }),
  facts: Type.Unknown({ description: 'What the agent found: CPU, NUMA, memory, disks, NICs, versions' }),
  foreign_domains: Type.Unknown({ description: 'Domains in libvirt that Croft did not make and leaves alone' }),
  disagreements: Type.Array(Disagreement, {
    description: 'What it holds that the database, restored from an older backup, does not know; see host.reconcile',
  }),
  last_seen_at: nullable(
    Type.String({
      format: 'date-time',
      description:
        'When it was last heard of. Of one that is there: as its controller last said that it is, some seconds ago (see availability for whether it is late)',
    }),
  ),
  created_at: Time,
})
export type Host = Static<typeof Host>

const params = closed({ host: Uuid })

export const hostRoutes = {
  hardware: hostHardwareRoutes.get,
  list: route({
    name: 'host.list',
    method: 'GET',
    path: '/v1/hosts',
    summary: 'Hosts with what they have and what is claimed of it',
    level: 'system',
    needs: 'topology.read',
    query: HostsAsked,
    status: 200,
    reply: page(Host),
    errors: [],
    cli: {
      columns: [
        'name',
        'cluster',
        'availability',
        'schedulable',
        'instances',
        'vcpus_claimed',
        'vcpus_limit',
        'memory_claimed_mib',
        'memory_limit_mib',
        'id',
      ],
      columns_asked: { attention: ['name', 'cluster', 'availability', 'attention', 'availability_reason', 'id'] },
    },
  }),
  get: route({
    name: 'host.get',
    method: 'GET',
    path: '/v1/hosts/:host',
    summary: 'One host',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: Host,
    errors: ['not_found'],
  }),
  update: route({
    name: 'host.update',
    method: 'PATCH',
    path: '/v1/hosts/:host',
    summary: 'Change name, labels, cluster, what is kept back, or whether new instances may be placed here',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: HostUpdate,
    status: 200,
    reply: Host,
    errors: ['not_found', 'name_taken', 'invalid', 'wrong_state', 'in_use'],
  }),
  fence: route({
    name: 'host.fence',
    method: 'POST',
    path: '/v1/hosts/:host/fence',
    summary:
      'Make sure that a host that does not answer is off, so that its instances may run elsewhere: cut its power, or vouch for it',
    level: 'system',
    needs: 'host.fence',
    params,
    body: closed({
      name: Type.Optional(
        Type.String({ maxLength: 255, description: "The host's name, to confirm; when given it must be right" }),
      ),
      confirm_off: Type.Optional(
        Type.Boolean({
          description:
            'You have seen that it is off and stays so. If that is not true, instances run twice and their disks are destroyed. Refused while other hosts can reach the machine',
        }),
      ),
      despite_opinions: Type.Optional(
        Type.Boolean({
          description:
            'With confirm_off: also though other hosts can reach the machine, as what answers there is not this host',
        }),
      ),
    }),
    status: 202,
    reply: Host,
    errors: ['not_found', 'wrong_state', 'invalid', 'unavailable'],
  }),
  reconcile: route({
    name: 'host.reconcile',
    method: 'POST',
    path: '/v1/hosts/:host/reconcile',
    summary:
      'After a restore of the database: settle what the host knows better, by what the host or the database says',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      take: oneOf(['host', 'database'], {
        description:
          "'host': what it was told last is wanted; 'database': what the database says is wanted again. Of one that is missing: give its record up, or have the host have it; of one that is elsewhere: it is this host's, or the other's",
      }),
      instance_ids: Type.Optional(
        Type.Array(Uuid, {
          maxItems: 1000,
          uniqueItems: true,
          description: 'These alone, whatever they are; else all that are ahead',
        }),
      ),
      deleted_ids: Type.Optional(
        Type.Array(Uuid, {
          maxItems: 1000,
          uniqueItems: true,
          description: "With 'database': those that it says are deleted and the host keeps, to be deleted in earnest",
        }),
      ),
    }),
    status: 200,
    reply: closed({
      settled: Type.Array(Uuid),
      left: Type.Array(closed({ instance_id: Uuid, name: nullable(Type.String()), reason: Type.String() })),
    }),
    errors: ['not_found', 'quota_exceeded', 'conflict'],
  }),
  adopt: route({
    name: 'host.adopt',
    method: 'POST',
    path: '/v1/hosts/:host/adopt',
    summary: 'Make the lost record of an instance that only the host knows anew, from what the host holds',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({ instance_id: Uuid }),
    status: 200,
    reply: Host,
    errors: ['not_found', 'wrong_state', 'conflict', 'quota_exceeded'],
  }),
  purgeOrphan: route({
    name: 'host.purge-orphan',
    method: 'POST',
    path: '/v1/hosts/:host/purge-orphan',
    summary: 'Remove an instance that only the host knows from it, with its disks, for good',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({ instance_id: Uuid, name: Type.String({ maxLength: 255, description: 'Its name, to confirm' }) }),
    status: 202,
    reply: Host,
    errors: ['not_found', 'wrong_state', 'conflict'],
  }),
  adoptHardware: route({
    name: 'host.adopt-hardware',
    method: 'POST',
    path: '/v1/hosts/:host/adopt-hardware',
    summary:
      'The machine that asks to be this host is it from now on: its board was exchanged, or its disk is in another machine. Its hardware of before must be off for good',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      hardware: Type.Optional(
        Type.String({
          maxLength: 2048,
          description: 'What is shown of the machine that asks (other_hardware); when given it must be that one',
        }),
      ),
    }),
    status: 200,
    reply: Host,
    errors: ['not_found', 'wrong_state', 'conflict'],
  }),
  ...hostRemovalRoutes,
  ...hostJoiningRoutes,
}
