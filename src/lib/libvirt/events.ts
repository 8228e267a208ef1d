/**
 * Events about domains: which there are, their numbers, and how each is read into one tagged union.
 * Not its job: registering for them.
 */
import type { Frame } from './frames.ts'
import * as names from './names.ts'
import { type Procedure, remote } from './procedures.ts'
import { type DomainRef, readDomain } from './refs.ts'
import { readTypedParams, type TypedValues } from './typed-params.ts'
import { XdrReader } from './xdr.ts'

type OneOf<Names extends readonly string[]> = Names[number] | 'unknown'

type Payloads = {
  lifecycle: { change: names.LifecycleChange; detail: names.LifecycleDetail }
  reboot: object
  rtc_change: { offset_s: number }
  watchdog: { action: OneOf<typeof names.watchdogActions> }
  /** `reason` is 'enospc' when the storage is full, otherwise often empty. */
  io_error: { path: string; device: string; action: OneOf<typeof names.ioErrorActions>; reason: string }
  control_error: object
  disk_change: {
    device: string
    old_path: string | null
    new_path: string | null
    reason: OneOf<typeof names.diskChangeReasons>
  }
  tray_change: { device: string; change: OneOf<typeof names.trayChanges> }
  pm_wakeup: object
  pm_suspend: object
  pm_suspend_disk: object
  balloon_change: { actual_kib: number }
  device_removed: { device: string }
  device_added: { device: string }
  device_removal_failed: { device: string }
  /** `disk` is the target's name (vda). */
  block_job: { disk: string; job: OneOf<typeof names.blockJobTypes>; status: OneOf<typeof names.blockJobStatuses> }
  block_threshold: { device: string; path: string | null; threshold_bytes: number; excess_bytes: number }
  tunable: { params: TypedValues }
  agent_lifecycle: { state: OneOf<typeof names.agentStates>; reason: OneOf<typeof names.agentReasons> }
  migration_iteration: { iteration: number }
  job_completed: { params: TypedValues }
  metadata_change: { metadata: OneOf<typeof names.metadataKinds>; uri: string | null }
  memory_failure: {
    recipient: OneOf<typeof names.memoryFailureRecipients>
    action: OneOf<typeof names.memoryFailureActions>
    flags: number
  }
  memory_device_size_change: { device: string; size_kib: number }
}

export type EventKind = keyof Payloads
export type DomainEventOf<Kind extends EventKind> = {
  kind: Kind
  callback_id: number
  domain: DomainRef
} & Payloads[Kind]
export type DomainEvent = { [Kind in EventKind]: DomainEventOf<Kind> }[EventKind]

interface Definition<Kind extends EventKind> {
  /** virDomainEventID. */
  id: number
  procedure: Procedure
  /** These events carry a reason, always 0, in front of the domain. */
  reason_first?: true
  read: (body: XdrReader) => Payloads[Kind]
}

const definitions: { [Kind in EventKind]: Definition<Kind> } = {
  lifecycle: {
    id: 0,
    procedure: remote.domain_event_callback_lifecycle,
    read: body => readLifecycle(body.i32(), body.i32()),
  },
  reboot: { id: 1, procedure: remote.domain_event_callback_reboot, read: () => ({}) },
  rtc_change: {
    id: 2,
    procedure: remote.domain_event_callback_rtc_change,
    read: body => ({ offset_s: Number(body.i64()) }),
  },
  watchdog: {
    id: 3,
    procedure: remote.domain_event_callback_watchdog,
    read: body => ({ action: names.nameOf(names.watchdogActions, body.i32()) }),
  },
  io_error: {
    id: 6,
    procedure: remote.domain_event_callback_io_error_reason,
    read: body => ({
      path: body.string(),
      device: body.string(),
      action: names.nameOf(names.ioErrorActions, body.i32()),
      reason: body.string(),
    }),
  },
  control_error: { id: 7, procedure: remote.domain_event_callback_control_error, read: () => ({}) },
  disk_change: {
    id: 9,
    procedure: remote.domain_event_callback_disk_change,
    read: body => ({
      old_path: body.optionalString(),
      new_path: body.optionalString(),
      device: body.string(),
      reason: names.nameOf(names.diskChangeReasons, body.i32()),
    }),
  },
  tray_change: {
    id: 10,
    procedure: remote.domain_event_callback_tray_change,
    read: body => ({ device: body.string(), change: names.nameOf(names.trayChanges, body.i32()) }),
  },
  pm_wakeup: { id: 11, procedure: remote.domain_event_callback_pmwakeup, reason_first: true, read: () => ({}) },
  pm_suspend: { id: 12, procedure: remote.domain_event_callback_pmsuspend, reason_first: true, read: () => ({}) },
  balloon_change: {
    id: 13,
    procedure: remote.domain_event_callback_balloon_change,
    read: body => ({ actual_kib: body.u64Number() }),
  },
  pm_suspend_disk: {
    id: 14,
    procedure: remote.domain_event_callback_pmsuspend_disk,
    reason_first: true,
    read: () => ({}),
  },
  device_removed: {
    id: 15,
    procedure: remote.domain_event_callback_device_removed,
    read: body => ({ device: body.string() }),
  },
  block_job: {
    id: 16,
    procedure: remote.domain_event_block_job_2,
    read: body => ({
      disk: body.string(),
      job: names.nameOf(names.blockJobTypes, body.i32()),
      status: names.nameOf(names.blockJobStatuses, body.i32()),
    }),
  },
  tunable: {
    id: 17,
    procedure: remote.domain_event_callback_tunable,
    read: body => ({ params: readTypedParams(body, 2048) }),
  },
  agent_lifecycle: {
    id: 18,
    procedure: remote.domain_event_callback_agent_lifecycle,
    read: body => ({
      state: names.nameOf(names.agentStates, body.i32()),
      reason: names.nameOf(names.agentReasons, body.i32()),
    }),
  },
  device_added: {
    id: 19,
    procedure: remote.domain_event_callback_device_added,
    read: body => ({ device: body.string() }),
  },
  migration_iteration: {
    id: 20,
    procedure: remote.domain_event_callback_migration_iteration,
    read: body => ({ iteration: body.i32() }),
  },
  job_completed: {
    id: 21,
    procedure: remote.domain_event_callback_job_completed,
    read: body => ({ params: readTypedParams(body, 64) }),
  },
  device_removal_failed: {
    id: 22,
    procedure: remote.domain_event_callback_device_removal_failed,
    read: body => ({ device: body.string() }),
  },
  metadata_change: {
    id: 23,
    procedure: remote.domain_event_callback_metadata_change,
    read: body => ({ metadata: names.nameOf(names.metadataKinds, body.i32()), uri: body.optionalString() }),
  },
  block_threshold: {
    id: 24,
    procedure: remote.domain_event_block_threshold,
    read: body => ({
      device: body.string(),
      path: body.optionalString(),
      threshold_bytes: body.u64Number(),
      excess_bytes: body.u64Number(),
    }),
  },
  memory_failure: {
    id: 25,
    procedure: remote.domain_event_memory_failure,
    read: body => ({
      recipient: names.nameOf(names.memoryFailureRecipients, body.i32()),
      action: names.nameOf(names.memoryFailureActions, body.i32()),
      flags: body.u32(),
    }),
  },
  memory_device_size_change: {
    id: 26,
    procedure: remote.domain_event_memory_device_size_change,
    read: body => ({ device: body.string(), size_kib: body.u64Number() }),
  },
}

export const eventKinds = Object.keys(definitions) as EventKind[]

const kindByProcedure = new Map(eventKinds.map(kind => [definitions[kind].procedure.number, kind]))

/** virDomainEventID, to register with. */
export const eventId = (kind: EventKind): number => definitions[kind].id

/** Reads an event, or null when the message is not one that this client knows. Throws XdrError. */
export function readEvent(frame: Frame): DomainEvent | null {
  if (frame.program !== remote.connect_open.program.number) return null
  const kind = kindByProcedure.get(frame.procedure)
  return kind ? readKind(kind, new XdrReader(frame.body)) : null
}

function readKind(kind: EventKind, body: XdrReader): DomainEvent {
  const definition = definitions[kind]
  const callback_id = body.i32()
  if (definition.reason_first) body.i32()
  const domain = readDomain(body)
  const payload = definition.read(body)
  body.end()
  // The compiler cannot see that a kind and its own payload are a member of the union.
  return { kind, callback_id, domain, ...payload } as DomainEvent
}

function readLifecycle(change_number: number, detail_number: number): Payloads['lifecycle'] {
  const change = names.nameOf(names.lifecycleChanges, change_number)
  const details: readonly names.LifecycleDetail[] = change === 'unknown' ? [] : names.lifecycleDetails[change]
  return { change, detail: names.nameOf(details, detail_number) }
}
