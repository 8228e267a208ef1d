/**
 * What two agents say to each other while an instance moves between their hosts: the source leads, the target answers each
 * message with one. JSON, one message a line, over mutual TLS of certificates that name the hosts, after an opening with the
 * secret that both were told for this migration. Hosts do not trust each other: everything is checked, here by shape and
 * then by what it means. See docs/design/0009.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { peerMessageBytesMax } from './peer-opening.ts'

/** Where a host's agent listens for others while it prepares for an instance; open it between the hosts of a cluster. */
export const peerPort = 7072

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Cookie = Type.String({ maxLength: peerMessageBytesMax - 4096, pattern: '^[A-Za-z0-9+/=]*$' })
const Reason = Type.String({ maxLength: 2000 })

/** Of what a guest wrote on its console, the newest: what a source sends before the move, and what was written on the way. */
export const consoleBytesMax = 1024 * 1024
const ConsoleBytes = Type.String({ maxLength: Math.ceil(consoleBytesMax / 3) * 4, pattern: '^[A-Za-z0-9+/=]*$' })

/** A volume that is to be copied, as it is on the source. */
const MachineBytes = Type.String({ maxLength: 2 * 1024 * 1024, pattern: '^[A-Za-z0-9+/=]*$' })

export const SentDisk = Type.Object({
  volume_id: Uuid,
  virtual_bytes: Bytes,
  /** Of the file, for a guest that is off. */
  file_bytes: Bytes,
  /** The image below it, by the name that it has in every host's cache (its checksum); null: it stands alone. */
  image: Nullable(Type.String({ maxLength: 128, pattern: '^[0-9a-f]{64}\\.(qcow2|raw)$' })),
})
export type SentDisk = Static<typeof SentDisk>

/** What a machine remembers beside its disks, packed by gzip; see agent/drivers/storage/machine-state.ts. */
export const SentMachine = Type.Object({ nvram: Type.Optional(MachineBytes), tpm: Type.Optional(MachineBytes) })
export type SentMachine = Static<typeof SentMachine>

/** Source to target. */
export const PeerRequest = Type.Union([
  /** Begins a live move; answered by 'accepted' or 'refused'. */
  Type.Object({
    type: Type.Literal('offer'),
    /** The machine as the guest knows it: libvirt's XML of it. Of this the target takes what the guest sees, and nothing of the host. */
    xml: Type.String({ maxLength: 1024 * 1024 }),
    disks: Type.Array(SentDisk, { maxItems: 1024 }),
    /** RFC 3339; when QEMU was started. */
    started_at: Nullable(Type.String({ maxLength: 64 })),
    console: Type.Optional(ConsoleBytes),
    /** NVRAM alone, for a file that QEMU then fills; what a TPM has comes with the guest's memory. */
    machine: Type.Optional(SentMachine),
    /** Of the host, for guests that see its processor as it is. */
    host_cpu: Type.Object({
      model: Type.String({ maxLength: 512 }),
      flags: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 4096 }),
    }),
  }),
  /** libvirt's cookie of begin; answered by 'prepared' or 'refused'. */
  Type.Object({ type: Type.Literal('begun'), cookie: Cookie, unsafe: Type.Boolean() }),
  /** All is sent and the guest is paused, or sending failed; answered by 'finished'. */
  Type.Object({
    type: Type.Literal('performed'),
    cookie: Cookie,
    cancelled: Type.Boolean(),
    /** Written since the offer. */
    console: Type.Optional(ConsoleBytes),
  }),
  /** Begins a cold move; answered by 'wanted_files' or 'refused'. */
  Type.Object({
    type: Type.Literal('offer_files'),
    disks: Type.Array(SentDisk, { maxItems: 1024 }),
    console: Type.Optional(ConsoleBytes),
    machine: Type.Optional(SentMachine),
  }),
  /** They are all sent; answered by 'finished'. */
  Type.Object({ type: Type.Literal('files_sent') }),
  /** After a break: what became of it; answered by 'standing'. */
  Type.Object({ type: Type.Literal('ask') }),
])
export type PeerRequest = Static<typeof PeerRequest>

/** Target to source. */
export const PeerReply = Type.Union([
  Type.Object({
    type: Type.Literal('accepted'),
    /** The machine as it will be on the target. */
    xml: Type.String({ maxLength: 1024 * 1024 }),
    /** Of each volume only what is not in the image below it, which the target has too; else all of it. */
    incremental: Type.Boolean(),
  }),
  Type.Object({ type: Type.Literal('refused'), reason: Reason }),
  Type.Object({ type: Type.Literal('prepared'), cookie: Cookie }),
  /** ok: the guest runs on the target, or its files are there; else nothing of it will ever run there. */
  Type.Object({ type: Type.Literal('finished'), ok: Type.Boolean(), cookie: Cookie, reason: Nullable(Reason) }),
  Type.Object({ type: Type.Literal('wanted_files') }),
  /** 'here': it is the target's. 'never': it is not there and will not be. 'unsettled': not known yet, ask again. */
  Type.Object({
    type: Type.Literal('standing'),
    standing: Type.Union([Type.Literal('here'), Type.Literal('never'), Type.Literal('unsettled')]),
  }),
])
export type PeerReply = Static<typeof PeerReply>
export type Standing = Extract<PeerReply, { type: 'standing' }>['standing']

const checks = { request: Compile(PeerRequest), reply: Compile(PeerReply) }

/** Null for anything that is not one. */
export const parsePeerRequest = (text: string): PeerRequest | null => parse(text, checks.request)
export const parsePeerReply = (text: string): PeerReply | null => parse(text, checks.reply)

function parse<T>(text: string, check: { Check(value: unknown): value is T }): T | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return check.Check(value) ? value : null
}
