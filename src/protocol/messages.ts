/**
 * The frames on the agent link: JSON over a WebSocket over mutual TLS, dialled by the agent. Both sides check every
 * frame by these schemas. Bulk data (image, console, log) never travels here: it has sockets of its own.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { MigrationReport, WantedMigration } from './migration.ts'
import { excessOf, heldMax } from './excess.ts'
import { HardwareId } from './hardware-id.ts'
import { HostCpu } from './host-cpu.ts'
import { HostFacts, Text } from './host-facts.ts'
import { SamplesFrame, Within } from './samples.ts'
import { Version, WantedHost, WantedInstance, WantedNetwork } from './wanted.ts'

/** Grows when a frame changes its meaning. A controller speaks this version and the one before it. */
export const protocolVersion = 1

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** They only grow, one at a time. */
const Serial = Type.Integer({ minimum: 0, maximum: 2 ** 52 })

/** RFC 3339. */
const Moment = Type.String({
  maxLength: 64,
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$',
})

/** Of what a host says that it holds; see heldMax. */
const HeldVersion = Type.Integer({ minimum: 0, maximum: heldMax.version })

/** Instances of one host; many times what one carries. */
const instances_max = 16_384

export const Crashes = Type.Object({
  count: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  last_at: Moment,
  /** When it is started again; null: it is not, or it runs. */
  next_try_at: Nullable(Moment),
  /** It is left off: it crashed too often, or is not to be restarted. */
  given_up: Type.Boolean(),
})
export type Crashes = Static<typeof Crashes>

export const WatchdogFired = Type.Object({
  fired_at: Moment,
  action: Type.Union([Type.Literal('reset'), Type.Literal('poweroff'), Type.Literal('pause'), Type.Literal('dump')]),
  count: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  /** Where on the host its memory was written to, for 'dump'; and why not, when it was not. */
  dump_file: Nullable(Type.String({ maxLength: 512 })),
  dump_failure: Type.Optional(Nullable(Type.String({ maxLength: 500 }))),
})
export type WatchdogFired = Static<typeof WatchdogFired>

/** What the host says of one instance. Sent whole; only a newer `report` number wins over what is stored. */
export const InstanceReport = Type.Object({
  id: Uuid,
  /** The wanted generation carried out, or failed at; -1 before the first. */
  applied_generation: Type.Integer({ minimum: -1, maximum: 2 ** 52 }),
  power: Type.Union([
    Type.Literal('absent'),
    Type.Literal('running'),
    Type.Literal('stopped'),
    Type.Literal('paused'),
    Type.Literal('crashed'),
  ]),
  /** Plain words: what failed, why, what to do. */
  failure: Nullable(Type.String({ maxLength: 2000 })),
  /** With `failure`: this host cannot, another may (no room in its pool, a CPU model that it has not). Nothing has run here. */
  refused: Type.Optional(Type.Boolean()),
  /** What the host is doing now ('fetching image', 'cloning disk', 'booting') and how far it is, for people waiting. */
  progress: Nullable(
    Type.Object({ step: Type.String({ maxLength: 100 }), percent: Type.Integer({ minimum: 0, maximum: 100 }) }),
  ),
  /** RFC 3339; when QEMU was started. */
  started_at: Nullable(Moment),
  /** Addresses that the guest agent sees, when there is one. */
  guest_addresses: Type.Array(Type.String({ maxLength: 64, pattern: '^[0-9a-fA-F:.]*$' }), { maxItems: 32 }),
  /** Whether a guest agent listens in the guest; absent from agents that do not ask. */
  guest_agent: Type.Optional(Type.Union([Type.Literal('connected'), Type.Literal('disconnected')])),
  /** The guest's system in its own words, as its agent tells it: 'Debian GNU/Linux 12 (bookworm)'. */
  guest_os: Type.Optional(Nullable(Type.String({ maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f]*$' }))),
  /**
   * The guest powered itself off while 'running' was wanted: power is 'stopped', the generation counts as applied, and
   * the host does not start it again until something new is wanted.
   */
  stopped_by_guest: Type.Boolean(),
  /** Of a purged instance: those of its volumes that were to be kept and are on this host. */
  kept_volumes: Type.Optional(Type.Array(Uuid, { maxItems: 1024 })),
  /** Crashes in a row, while they are remembered. */
  crashes: Type.Optional(Nullable(Crashes)),
  /** When its watchdog fired last. */
  watchdog: Type.Optional(Nullable(WatchdogFired)),
  /** The version of the details by which the host's watchdog guards it: it dies with the host's lease. Null: it does not. */
  guarded_version: Type.Optional(Nullable(Version)),
  /** How far this host is with the migration that is wanted of it. */
  migration: Type.Optional(MigrationReport),
})
export type InstanceReport = Static<typeof InstanceReport>

export const ForeignDomain = Type.Object({ uuid: Uuid, name: Text, state: Text })

/** Agent to controller. */
export const AgentFrame = Type.Union([
  Type.Object({
    type: Type.Literal('hello'),
    protocol: Type.Integer(),
    facts: HostFacts,
    /** Instances whose wanted set the agent holds on disk, with generation and details_version. */
    holds: Type.Array(
      Type.Object({
        id: Uuid,
        generation: HeldVersion,
        details_version: HeldVersion,
        power: Type.Optional(WantedInstance.properties.power),
        reboot_count: Type.Optional(Type.Integer({ minimum: 0, maximum: heldMax.reboot_count })),
        /** What it was told last to do of a migration, if that is what it holds it for. */
        migration: Type.Optional(Type.Pick(WantedMigration, ['id', 'step'])),
        placement: Type.Optional(HeldVersion),
        /** It was to come here, and has come, by what this host knows; only with the step 'prepare'. */
        here: Type.Optional(Type.Boolean()),
      }),
      { maxItems: instances_max },
    ),
    /** The greatest `as_of` that it was ever told. */
    heard_as_of: Type.Optional(HeldVersion),
    /** Calls that this agent knows beyond those of the first version; one that it does not know would end its link. */
    knows_calls: Type.Optional(Type.Array(Text, { maxItems: 64 })),
    /** A whole wanted set may name what it holds as `unchanged`, in place of saying it again. */
    knows_unchanged: Type.Optional(Type.Boolean()),
    /** Its highly available guests run only under a lease, and something kills them when that is over. */
    keeps_leases: Type.Optional(Type.Boolean()),
    /** After a boot, and where other hosts reach its disks, too, it starts no guest before a controller has named it. */
    asks_first: Type.Optional(Type.Boolean()),
    /** By what this machine is known; absent where it says nothing, and from older agents. */
    hardware: Type.Optional(HardwareId),
  }),
  Type.Object({
    type: Type.Literal('report'),
    /** Strictly growing within one boot of the agent's state directory, kept on disk. */
    report: Serial,
    /** true: these are all instances the host has; false: only those that changed. */
    whole: Type.Boolean(),
    instances: Type.Array(InstanceReport, { maxItems: instances_max }),
  }),
  /** All that the host holds of the instances that the welcome asked to be shown. */
  Type.Object({ type: Type.Literal('held'), instances: Type.Array(WantedInstance, { maxItems: instances_max }) }),
  Type.Object({ type: Type.Literal('facts'), facts: HostFacts }),
  Type.Object({ type: Type.Literal('foreign'), domains: Type.Array(ForeignDomain, { maxItems: 4096 }) }),
  /** Nothing is left of these volumes, which were to be removed. */
  Type.Object({ type: Type.Literal('volumes_gone'), ids: Type.Array(Uuid, { maxItems: 4096 }) }),
  /** The answer to a call: exactly one of result and error. */
  Type.Object({
    type: Type.Literal('answer'),
    call: Uuid,
    result: Type.Optional(Type.Unknown()),
    error: Type.Optional(Type.String({ maxLength: 65_536 })),
  }),
  /** Sent only to a controller that asked for it, by `metrics_interval_s` of the wanted host. */
  SamplesFrame,
  /** quiet: no pong is wanted, it only says that the host is there. */
  Type.Object({
    type: Type.Literal('ping'),
    sent_ms: Type.Number(),
    quiet: Type.Optional(Type.Boolean()),
    within_ms: Type.Optional(Within),
  }),
])
export type AgentFrame = Static<typeof AgentFrame>

/** Acts, not states: what a controller asks of an agent once. */
export const AgentCall = Type.Union([
  /** Dial `url` with `token` and carry this stream on it: the serial console, the screen as RFB, a connection of SPICE, or the kept console log. */
  Type.Object({
    method: Type.Literal('stream'),
    kind: Type.Union([Type.Literal('console'), Type.Literal('graphics'), Type.Literal('spice'), Type.Literal('log')]),
    instance_id: Uuid,
    url: Type.String(),
    token: Type.String(),
    /** For 'log': how many of the last bytes; and whether to go on as the guest writes. */
    tail_bytes: Type.Optional(Type.Integer()),
    /** For 'console': how many of the last bytes come first. */
    replay_bytes: Type.Optional(Type.Integer()),
    follow: Type.Optional(Type.Boolean()),
  }),
  /** The CPU that guests on all of these hosts' CPUs can have; answered with a HostCpu. */
  Type.Object({ method: Type.Literal('cpu_baseline'), cpus: Type.Array(HostCpu, { minItems: 1, maxItems: 8 }) }),
  /** Whether guests with this CPU can run here; answered with a CpuVerdict. */
  Type.Object({ method: Type.Literal('cpu_compare'), cpu: HostCpu }),
  /** Have the guest agent set an account's password; answered with a PasswordOutcome. */
  Type.Object({
    method: Type.Literal('set_password'),
    instance_id: Uuid,
    user: Type.String({ minLength: 1, maxLength: 64 }),
    password: Type.String({ minLength: 1, maxLength: 256 }),
  }),
  /** Dial `url` with `token`: a GuestQuestion comes there, and its GuestAnswer goes back (guest.ts). */
  Type.Object({ method: Type.Literal('guest'), instance_id: Uuid, url: Type.String(), token: Type.String() }),
  /** Find out whether another machine lives, by TCP to some ports of it; answered with a ProbeOutcome. */
  Type.Object({
    method: Type.Literal('probe'),
    address: Type.String({ maxLength: 64, pattern: '^[0-9a-fA-F:.]+$' }),
    ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), { minItems: 1, maxItems: 4 }),
    timeout_ms: Type.Integer({ minimum: 100, maximum: 10_000 }),
  }),
])
export type AgentCall = Static<typeof AgentCall>

/** How it went with a guest and its agent: done, or why not. Never holds the password. */
export const PasswordOutcome = Type.Object({
  outcome: Type.Union([
    Type.Literal('done'),
    Type.Literal('not_running'),
    Type.Literal('no_agent'),
    /** The agent is there and did not answer in time. */
    Type.Literal('silent'),
    /** The agent answered with an error: most likely there is no such user. */
    Type.Literal('refused'),
    Type.Literal('busy'),
  ]),
})
export type PasswordOutcome = Static<typeof PasswordOutcome>

/** Calls that not every agent knows: asked only of those that say so in their hello. */
export const newerCalls: readonly AgentCall['method'][] = ['probe', 'guest']

/** 'service': something accepts there. 'machine': it refuses, so its kernel lives. 'none': no answer in time. */
export const ProbeOutcome = Type.Object({
  reached: Type.Union([Type.Literal('service'), Type.Literal('machine'), Type.Literal('none')]),
})
export type ProbeOutcome = Static<typeof ProbeOutcome>

/** Controller to agent. */
export const ControllerFrame = Type.Union([
  Type.Object({
    type: Type.Literal('welcome'),
    protocol: Type.Integer(),
    host_id: Uuid,
    heartbeat_ms: Type.Integer(),
    /** For so long a host may say nothing that needs no lease and has said so (`within_ms`). Who is given it may ask for pongs with its samples. */
    calm_ms: Type.Optional(Type.Integer()),
    /** The last report number this controller has of the host; the agent numbers on from the greater one. */
    last_report: Type.Integer(),
    /** wss:// addresses of the controllers that there are now. */
    link_urls: Type.Optional(Type.Array(Type.String({ maxLength: 512 }), { maxItems: 64 })),
    /** Instances of which the agent shows what it holds: the controller's database knows less of them. */
    show: Type.Optional(Type.Array(Uuid)),
  }),
  Type.Object({
    type: Type.Literal('wanted'),
    /** true: all there is; what the agent holds beyond it is kept, and reported, never destroyed. */
    whole: Type.Boolean(),
    host: Type.Optional(WantedHost),
    instances: Type.Array(WantedInstance),
    /** Of a whole set, beside `instances`: what the hello of this link said to hold, and what is wanted still. Of none there is a migration. */
    unchanged: Type.Optional(
      Type.Array(Type.Object({ id: Uuid, generation: Version, details_version: Version, placement: Version })),
    ),
    networks: Type.Array(WantedNetwork),
    /**
     * Grows with all that comes to this host or leaves it. A host that has heard of more than the database counts knows that the
     * database is older: what it lacks then may be elsewhere.
     */
    as_of: Type.Optional(Serial),
    /** Instances that live here no longer and of which the host reported 'absent': forget them. */
    forget_instances: Type.Array(Uuid),
    forget_networks: Type.Array(Uuid),
    /** Volumes of no instance, of which nothing shall be left; answered with 'volumes_gone'. Sent anew on each connect. */
    remove_volumes: Type.Optional(Type.Array(Uuid)),
  }),
  Type.Object({ type: Type.Literal('call'), call: Uuid, params: AgentCall }),
  Type.Object({
    type: Type.Literal('pong'),
    sent_ms: Type.Number(),
    /** The host's lease, counted from `sent_ms` (src/model/lease.ts); absent: none is given by this pong. */
    lease_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
  }),
])
export type ControllerFrame = Static<typeof ControllerFrame>

const agentFrame = Compile(AgentFrame)
const controllerFrame = Compile(ControllerFrame)

/** Largest control frame, bytes: a whole wanted set of a host with a thousand instances fits. */
export const frameBytesMax = 32 * 1024 * 1024

export class BadFrame extends Error {}

function parse<T>(
  text: string,
  check: { Check(value: unknown): boolean; Errors(value: unknown): Iterable<unknown> },
): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new BadFrame('a frame is not JSON', { cause })
  }
  if (!check.Check(value)) {
    const [first] = check.Errors(value)
    throw new BadFrame(`a frame does not fit the protocol: ${JSON.stringify(first)}`)
  }
  return value as T
}

/** Throws BadFrame when the text is not a frame that an agent may send. */
export function parseAgentFrame(text: string): AgentFrame {
  const frame = parse<AgentFrame>(text, agentFrame)
  const fault = excessOf(frame, text)
  if (fault !== null) throw new BadFrame(`a frame does not fit the protocol: ${fault}`)
  return frame
}

/** Throws BadFrame when the text is not a frame that a controller may send. */
export function parseControllerFrame(text: string): ControllerFrame {
  return parse<ControllerFrame>(text, controllerFrame)
}
