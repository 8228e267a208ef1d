/**
 * The steps of a migration, each in one transaction: what changes with it, and what is told. Which step follows from what is
 * model/migration.ts; docs/design/0009-moving.md has the whole.
 */
import type { Cloud } from '../cloud.ts'
import { carriedOf, isMoving, type MigrationOutcome, type MigrationSide, nextOf } from '../../model/migration.ts'
import type { InstanceReport } from '../../protocol/messages.ts'
import type { MigrationProgress, MigrationReport } from '../../protocol/migration.ts'
import { channels, json, type Tx } from '../store/database.ts'
import { event, type NewEvent } from '../store/event.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { host } from '../store/host.ts'
import { peerFault } from '../store/host-belief.ts'
import { addressesOf } from '../store/host-trust.ts'
import { instance } from '../store/instance.ts'
import { type MigrationRow, migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { operation } from '../store/operation.ts'
import { wanted } from '../store/wanted.ts'

/** What hosts said of instances, in the order of their saying. */
export type Said = Pick<InstanceReport, 'id' | 'power' | 'migration' | 'guarded_version'> & { host_id: string }

/** Progress is told at most so often, and its events are kept no longer than this while it goes on. */
const progress_kept_s = 30

/** To whoever holds consoles of the instance. */
export const movedNotice = (instance_id: string) => `moved ${instance_id}`

/** Follows hosts' reports. The hosts are locked; instances and migrations are locked here. `moving`: the instances with open moves that name the host that speaks. */
export async function followMigrations(tx: Tx, said: readonly Said[], moving: ReadonlySet<string>): Promise<void> {
  const concerned = [...new Set(said.flatMap(({ id }) => (moving.has(id) ? id : [])))]
  if (concerned.length === 0) return
  await instance.lockAll(tx, concerned)
  const open = await migration.lockOpen(tx, concerned)
  for (const one of said) {
    for (const row of open) if (row.instance_id === one.id && row.phase !== 'ended') await follow(tx, row, one)
  }
}

async function follow(tx: Tx, row: MigrationRow, said: Said): Promise<void> {
  if (said.host_id !== row.source_host_id && said.host_id !== row.target_host_id) return
  const side = said.host_id === row.source_host_id ? 'source' : 'target'
  // Words about another migration of the same instance are none about this one.
  const word = said.migration?.id === row.id ? said.migration : null
  if (word) await carryWord(tx, row, side, word)
  const next = nextOf(row, side, { absent: said.power === 'absent', phase: word?.phase ?? null })
  switch (next) {
    case 'send':
      return await send(tx, row, { peer_address: word?.address ?? null, guarded_version: said.guarded_version ?? null })
    case 'progress':
      // At the hand-over, of which the target does not say how it ended: what it waits for is shown by this.
      if (said.power === 'paused') await event.record(tx, [changed(row)])
      return await noteProgress(tx, row, word?.progress ?? null)
    case 'switch':
      return await switchOver(tx, row, word)
    case 'give-up':
      return await giveUp(tx, row, word?.phase === 'cancelled' ? 'cancelled' : 'failed', word?.reason ?? null)
    case 'ask-cancel':
      return await askCancel(tx, row, 'failed', word?.reason ?? 'the new host cannot go on')
    case 'end':
      return await end(tx, row)
    case null:
      return
    default:
      next satisfies never
  }
}

/** Of a hand-over whose two hosts may not reach each other. */
async function carryWord(tx: Tx, row: MigrationRow, side: MigrationSide, word: MigrationReport): Promise<void> {
  const news = carriedOf(row, side, word)
  if (news !== null) await step(tx, row, news)
}

/** Writes a step, in the row at hand too, and tells of it. */
async function step(
  tx: Tx,
  row: MigrationRow,
  set: Partial<MigrationRow>,
  { events = [], network = false }: { events?: readonly NewEvent[]; network?: boolean } = {},
): Promise<void> {
  const { progress, told, ...plain } = set
  await migration.update(tx, row.id, {
    ...plain,
    ...(progress !== undefined && { progress: progress === null ? null : json(progress) }),
    ...(told !== undefined && { told: told === null ? null : json(told) }),
  })
  Object.assign(row, set)
  await event.record(tx, [changed(row), ...instanceChanged(row), ...events], [row.source_host_id, row.target_host_id])
  if (network) await event.notify(tx, channels.network, '')
}

export const changed = (
  row: Pick<MigrationRow, 'id'>,
  kind = 'changed',
  detail?: Record<string, unknown>,
): NewEvent => ({
  noun: 'migration',
  kind,
  resource_id: row.id,
  project_id: null,
  ...(detail && { detail }),
})

function instanceChanged(row: MigrationRow, detail?: Record<string, unknown>): NewEvent[] {
  const { instance_id: resource_id, project_id } = row
  return [{ noun: 'instance', kind: 'changed', resource_id, project_id, ...(detail && { detail }) }]
}

const hostsChanged = (row: MigrationRow): NewEvent[] =>
  [row.source_host_id, row.target_host_id].map(resource_id => ({
    noun: 'host',
    kind: 'changed',
    resource_id,
    project_id: null,
  }))

/** The target listens: the source may begin. Again with another address, when its agent was started anew. */
async function send(
  tx: Tx,
  row: MigrationRow,
  { peer_address, guarded_version }: Pick<MigrationRow, 'peer_address' | 'guarded_version'>,
): Promise<void> {
  const moved = peer_address !== null && peer_address !== row.peer_address
  const guards = guarded_version !== row.guarded_version
  if (row.phase === 'sending' && !moved && !guards) return
  // The source dials it: a host says only of itself where it is.
  const fault =
    moved || row.phase === 'preparing' ? peerFault(await addressesOf(tx, row.target_host_id), peer_address) : null
  if (fault !== null) return await askCancel(tx, row, 'failed', fault)
  const first =
    row.phase === 'preparing' ? { phase: 'sending' as const, sending_at: await migrationContent.now(tx) } : {}
  await step(tx, row, { ...first, guarded_version, ...(moved && { peer_address }) }, { network: true })
}

async function noteProgress(tx: Tx, row: MigrationRow, progress: MigrationProgress | null): Promise<void> {
  if (!progress || !(await migration.noteProgress(tx, row.id, progress))) return
  const detail = { progress: true }
  await migration.forgetProgress(tx, row, progress_kept_s)
  await event.record(tx, [
    changed(row, 'changed', detail),
    ...instanceChanged(row, detail),
    ...(row.operation_id === null
      ? []
      : [
          {
            ...changed(row, 'changed', detail),
            noun: 'operation',
            resource_id: row.operation_id,
            user_id: row.user_id,
          },
        ]),
  ])
}

/**
 * The one moment at which the instance becomes the target's: host, volumes, ports. What is claimed stays claimed on both: the
 * migration's own amounts are the source's from now on.
 */
export async function switchOver(tx: Tx, row: MigrationRow, word: MigrationReport | null): Promise<void> {
  const progress = word?.progress ?? null
  const told = await toldNow(tx, row)
  const volumes = await migrationContent.rehost(tx, row)
  // The same, unless both hosts had one pool when the room was claimed, and have not any more.
  const disk_gib = volumes.reduce((sum, one) => sum + one.size_gib, 0) - row.disk_gib
  await host.moveDisk(tx, { from: row.source_host_id, to: row.target_host_id, disk_gib })
  const { project_id } = row
  await step(
    tx,
    row,
    {
      phase: 'leaving',
      outcome: 'succeeded',
      reason: word?.reason ?? null,
      switched_at: await migrationContent.now(tx),
      told,
      ...(progress !== null && { progress }),
    },
    {
      events: [
        ...hostsChanged(row),
        ...volumes.map(({ id }) => ({ noun: 'volume', kind: 'changed', resource_id: id, project_id })),
      ],
      network: true,
    },
  )
  await event.notify(tx, channels.console, movedNotice(row.instance_id))
  if (row.operation_id !== null) await operation.end(tx, row.operation_id, 'succeeded', null)
  await operation.tellMaintenance(tx, row.source_host_id)
}

/** What its host was told of the instance last; null when the instance is no more. */
async function toldNow(tx: Tx, row: MigrationRow): Promise<unknown> {
  const [found] = await wanted.instances(tx, [row.instance_id], { stopTimeout: () => 1 })
  return found?.instance ?? null
}

/** It stays where it is, and the target is cleared. */
export async function giveUp(
  tx: Tx,
  row: MigrationRow,
  said: Exclude<MigrationOutcome, 'succeeded'>,
  why: string | null,
): Promise<void> {
  if (!isMoving(row.phase)) return
  const outcome = row.cancel_as ?? said
  // What made it be given up says more than that it was.
  const reason = (row.cancel_as === null ? null : row.reason) ?? why
  const network = row.phase === 'sending'
  const given_up_at = await migrationContent.now(tx)
  await step(tx, row, { phase: 'discarding', outcome, reason, given_up_at, told: await toldNow(tx, row) }, { network })
  if (row.operation_id !== null) await operation.end(tx, row.operation_id, outcome, reason)
  await event.notify(tx, channels.work, 'maintenance')
}

/** The source is to end it, if it still can; what it answers decides. */
export async function askCancel(
  tx: Tx,
  row: MigrationRow,
  cancel_as: Exclude<MigrationOutcome, 'succeeded'>,
  reason: string,
): Promise<void> {
  if (row.phase === 'preparing') return await giveUp(tx, row, cancel_as, reason)
  if (row.phase === 'sending' && row.cancel_as === null) await step(tx, row, { cancel_as, reason })
}

/** Both hosts are clean: what was claimed on the one that it is not on is free. */
export async function end(tx: Tx, row: MigrationRow): Promise<void> {
  const host_id = row.phase === 'leaving' ? row.source_host_id : row.target_host_id
  const { vcpus, memory_mib, disk_gib } = row
  await host.release(tx, [{ host_id, vcpus, memory_mib, disk_gib }])
  await hardwareClaim.release(tx, [{ instance_id: row.instance_id, host_id }])
  await migration.forgetProgress(tx, row, 0)
  const ended = { phase: 'ended' as const, ended_at: await migrationContent.now(tx), secret: null, told: null }
  await step(tx, row, ended, { events: hostsChanged(row) })
  await event.notify(tx, channels.work, 'maintenance')
}

/**
 * Before instances go with a host that is lost for good: those on their way elsewhere stay behind, and the other host is
 * cleared of them. `instance_ids` are locked.
 */
export async function endWithInstances(tx: Tx, instance_ids: readonly string[], why: string): Promise<void> {
  for (const row of await migration.lockOpen(tx, instance_ids)) await giveUp(tx, row, 'failed', why)
}

/** What both hosts of a move know, and nobody else; also where nothing is sent: the words in which hosts are told want one. */
export function newSecret(cloud: Cloud): string {
  return Buffer.from(cloud.random.bytes(32)).toString('base64url')
}
