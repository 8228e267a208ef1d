/** Hosts: the servers that instances run on, how they join, and what they have. */
import Type, { type Static } from 'typebox'
import { bmcKinds } from '../model/bmc.ts'
import { absenceCauses, fencingMethods, hostAvailabilities, reaches } from '../model/host-state.ts'
import { limits } from '../model/limits.ts'
import { closed, Name, nullable, oneOf, page, pageQuery, Tags, Time, Uuid, uuidOf } from './common.ts'
import { hostHardwareRoutes } from './host-hardware.ts'
import { route } from './route.ts'

export const hostStates = ['up', 'unreachable'] as const

/** What a host holds of an instance that the database does not know: it was restored from an older backup. */
export const Disagreement = closed({
  instance_id: Uuid,
  name: nullable(Type.String({ description: 'As the host or the database knows it' })),
  kind: oneOf(['ahead', 'orphaned', 'elsewhere'], {
    description:
      "'ahead': the database knows the instance, and the host newer things of it; 'orphaned': only the host knows it; 'elsewhere': the database has it on another host",
  }),
  host_wants: Type.String({ description: "What this host was told last: 'running', 'stopped', 'deleted', 'purged'" }),
  database_wants: nullable(Type.String()),
  project_id: nullable(Uuid),
  purging: Type.Boolean({ description: 'An operator has given it up; its host removes it' }),
})
export type Disagreement = Static<typeof Disagreement>

/** What is known of a host that is not there. */
export const HostAbsence = closed({
  cause: oneOf(absenceCauses),
  since: Time,
  opinions: Type.Array(
    closed({
      host_id: Uuid,
      host: Type.String(),
      reached: nullable(oneOf(reaches, { description: 'Null: it could not tell' })),
      at: Time,
    }),
    { description: 'What other hosts found when they were asked to reach it' },
  ),
  dead_at: nullable(Time),
  fence_failure: nullable(Type.String()),
  fenced_at: nullable(Time),
  fenced_by: nullable(oneOf(fencingMethods)),
})

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
  cpu_missing: nullable(
    Type.Array(Type.String(), {
      description:
        'It cannot carry its cluster’s CPU baseline, and takes no instances: what it lacks. Null: it can, or is not known to',
    }),
  ),
  facts: Type.Unknown({ description: 'What the agent found: CPU, NUMA, memory, disks, NICs, versions' }),
  foreign_domains: Type.Unknown({ description: 'Domains in libvirt that Croft did not make and leaves alone' }),
  disagreements: Type.Array(Disagreement, {
    description: 'What it holds that the database, restored from an older backup, does not know; see host.reconcile',
  }),
  last_seen_at: nullable(Time),
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
    query: closed({
      ...pageQuery,
      name: Type.Optional(Name),
      cluster_id: Type.Optional(Uuid),
      aggregate_id: Type.Optional(Uuid),
    }),
    status: 200,
    reply: page(Host),
    errors: [],
    cli: {
      columns: [
        'name',
        'availability',
        'schedulable',
        'instances',
        'vcpus_claimed',
        'vcpus_limit',
        'memory_claimed_mib',
        'memory_limit_mib',
        'id',
      ],
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
    summary: 'Change name, labels, what is kept back, or whether new instances may be placed here',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      name: Type.Optional(Name),
      schedulable: Type.Optional(Type.Boolean()),
      labels: Type.Optional(Tags),
      reserved_memory_mib: Type.Optional(
        nullable(
          Type.Integer({ minimum: 0, maximum: limits.memory_mib_max, description: 'Null: as the setting says' }),
        ),
      ),
      reserved_vcpus: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: 65_536, description: 'Null: none' }))),
    }),
    status: 200,
    reply: Host,
    errors: ['not_found', 'name_taken'],
  }),
  remove: route({
    name: 'host.remove',
    method: 'DELETE',
    path: '/v1/hosts/:host',
    summary: 'Take a host without instances out of the cloud; its certificate is good no longer',
    level: 'system',
    needs: 'topology.manage',
    params,
    query: closed({
      lost: Type.Optional(
        Type.Boolean({
          description:
            'It will never be back: its instances and their disks are given up with it. Only while it is unreachable',
        }),
      ),
    }),
    status: 204,
    errors: ['not_found', 'in_use', 'wrong_state'],
  }),
  fence: route({
    name: 'host.fence',
    method: 'POST',
    path: '/v1/hosts/:host/fence',
    summary:
      'Have the highly available instances of a host that does not answer run elsewhere: cut its power, or vouch that it is off',
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
            'You have seen that it is off and stays so. If that is not true, instances run twice and their disks are destroyed',
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
        description: "'host': what it was told last is wanted; 'database': what the database says is wanted again",
      }),
      instance_ids: Type.Optional(
        Type.Array(Uuid, { maxItems: 1000, uniqueItems: true, description: 'These alone; else all that are ahead' }),
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
  invite: route({
    name: 'host.invite',
    method: 'POST',
    path: '/v1/host-invitations',
    summary: 'Make a one-time token with which one host joins',
    level: 'system',
    needs: 'topology.manage',
    body: closed({
      cluster_id: Type.Optional(Uuid),
      replaces_host_id: Type.Optional(
        uuidOf(
          'For a machine installed anew: it comes back as this host, and what had its certificate has it no longer',
        ),
      ),
      minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_080, default: 60 })),
    }),
    status: 201,
    reply: closed({
      token: Type.String({ description: 'Shown once' }),
      controller_url: Type.String(),
      command: Type.String({ description: 'To be run on the new host, as root' }),
      warning: nullable(Type.String({ description: 'Why other machines cannot join in this way' })),
      expires_at: Time,
    }),
    errors: ['not_found'],
  }),
  joining: route({
    name: 'host.joining',
    method: 'GET',
    path: '/v1/host-joining',
    summary: 'How a machine without a token asks to be a host',
    level: 'system',
    needs: 'topology.read',
    status: 200,
    reply: closed({
      controller_url: Type.String(),
      ca_fingerprint: Type.String({ description: 'SHA-256 of the cloud’s certificate authority, base64url' }),
      self_registration: Type.Boolean({
        description: 'Whether such machines are let wait for approval: host.self_registration',
      }),
      command: Type.String({ description: 'To be run on the new host, as root' }),
      warning: nullable(Type.String({ description: 'Why other machines cannot join in this way' })),
    }),
    errors: [],
  }),
}
