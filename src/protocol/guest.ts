/**
 * What a controller asks a guest through the agent of its host, and what comes back. Both go as one line of JSON each on a socket that
 * the host dials for it: neither fits a notice of the database, and neither shall pass through one. Both sides check them here.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '../model/limits.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const oneOf = <const T extends readonly string[]>(words: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...words] })

export const guestBounds = {
  argv_max: limits.command_words_max,
  stdin_bytes_max: limits.command_stdin_bytes_max,
  /** Of each of the two outputs; what is beyond is cut off. */
  output_bytes_max: 1024 * 1024,
  timeout_ms_min: 100,
  timeout_ms_max: limits.command_timeout_ms_max,
  interfaces_max: 64,
  addresses_max: 32,
  users_max: 64,
  file_systems_max: 128,
  applications_max: 5000,
  text_chars_max: 256,
} as const

/** Bounded; printable, or null when there is nothing of it. */
const Said = Type.String({ maxLength: guestBounds.text_chars_max, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Base64 = (bytes_max: number) =>
  Type.String({ maxLength: Math.ceil(bytes_max / 3) * 4, pattern: '^[A-Za-z0-9+/]*={0,2}$' })

export const GuestDetails = Type.Object({
  agent_version: Nullable(Said),
  /** Whether its agent lets commands be run. */
  runs_commands: Type.Boolean(),
  os: Nullable(
    Type.Object({
      id: Nullable(Said),
      name: Nullable(Said),
      version: Nullable(Said),
      kernel: Nullable(Said),
      machine: Nullable(Said),
    }),
  ),
  hostname: Nullable(Said),
  time_zone: Nullable(
    Type.Object({ name: Nullable(Said), offset_s: Type.Integer({ minimum: -86_400, maximum: 86_400 }) }),
  ),
  interfaces: Type.Array(
    Type.Object({
      name: Said,
      mac: Nullable(Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' })),
      addresses: Type.Array(
        Type.Object({
          address: Type.String({ maxLength: 64, pattern: '^[0-9a-f:.]+$' }),
          prefix: Type.Integer({ minimum: 0, maximum: 128 }),
        }),
        { maxItems: guestBounds.addresses_max },
      ),
    }),
    { maxItems: guestBounds.interfaces_max },
  ),
  users: Type.Array(
    Type.Object({
      name: Said,
      domain: Nullable(Said),
      /** By the guest's clock. */
      signed_in_ms: Nullable(Type.Integer({ minimum: 0, maximum: 8.64e15 })),
    }),
    { maxItems: guestBounds.users_max },
  ),
  file_systems: Type.Array(
    Type.Object({
      mount: Said,
      device: Said,
      type: Said,
      total_bytes: Nullable(Count),
      used_bytes: Nullable(Count),
    }),
    { maxItems: guestBounds.file_systems_max },
  ),
})
export type GuestDetails = Static<typeof GuestDetails>

export const packageManagers = ['dpkg', 'rpm', 'apk'] as const

export const GuestQuestion = Type.Union([
  Type.Object({ ask: Type.Literal('details') }),
  Type.Object({ ask: Type.Literal('applications') }),
  Type.Object({
    ask: Type.Literal('run'),
    /** Never given to a shell. */
    argv: Type.Array(Type.String(), { minItems: 1, maxItems: guestBounds.argv_max }),
    /** 'NAME=value'. Without it, as the guest's agent has it. */
    env: Type.Optional(Type.Array(Type.String(), { maxItems: guestBounds.argv_max })),
    stdin: Type.Optional(Base64(guestBounds.stdin_bytes_max)),
    timeout_ms: Type.Integer({ minimum: guestBounds.timeout_ms_min, maximum: guestBounds.timeout_ms_max }),
  }),
])
export type GuestQuestion = Static<typeof GuestQuestion>
export type GuestCommand = Extract<GuestQuestion, { ask: 'run' }>

/** Why there is no answer of the guest. */
export const guestFailures = [
  'not_running',
  'no_agent',
  /** The agent is there and did not answer in time. */
  'silent',
  /** The agent is set up not to do this. */
  'blocked',
  /** The command could not be started: `words`. */
  'not_started',
  /** The command did not end in its time, and goes on. */
  'timeout',
  /** It was begun, and nobody knows what came of it: the guest stopped, moved, or its agent was restarted. */
  'lost',
  /** It wrote more than the way out of the guest carries. */
  'too_long',
  'busy',
  /** The host could not ask it: `words`. */
  'host',
  /** The agent answered something else than what was asked. */
  'strange',
] as const
export type GuestFailure = (typeof guestFailures)[number]

export const GuestAnswer = Type.Union([
  Type.Object({ outcome: Type.Literal('details'), details: GuestDetails }),
  Type.Object({
    outcome: Type.Literal('applications'),
    /** Null: none that is known is there. */
    manager: Nullable(oneOf(packageManagers)),
    applications: Type.Array(Type.Object({ name: Said, version: Said }), { maxItems: guestBounds.applications_max }),
    truncated: Type.Boolean(),
  }),
  Type.Object({
    outcome: Type.Literal('ran'),
    /** One of the two is null: it ended by itself, or by a signal (on Windows: an exception). */
    exit_code: Nullable(Type.Integer()),
    signal: Nullable(Type.Integer()),
    stdout: Base64(guestBounds.output_bytes_max),
    stderr: Base64(guestBounds.output_bytes_max),
    stdout_truncated: Type.Boolean(),
    stderr_truncated: Type.Boolean(),
  }),
  Type.Object({
    outcome: Type.Literal('failed'),
    why: oneOf(guestFailures),
    /** What the guest says of it. */
    words: Type.Optional(Said),
    pid: Type.Optional(Count),
  }),
])
export type GuestAnswer = Static<typeof GuestAnswer>

const question = Compile(GuestQuestion)
const answer = Compile(GuestAnswer)

/** Of a line: a question with the longest standard input, an answer with both outputs at their longest. */
export const questionBytes_max = 1024 * 1024
export const answerBytes_max = 4 * 1024 * 1024

/** Null for what is no question. */
export const readQuestion = (line: string): GuestQuestion | null => parse(line, question) as GuestQuestion | null
/** Null for what is no answer. */
export const readAnswer = (line: string): GuestAnswer | null => parse(line, answer) as GuestAnswer | null

function parse(line: string, check: { Check(value: unknown): boolean }): unknown {
  try {
    const value: unknown = JSON.parse(line)
    return check.Check(value) ? value : null
  } catch {
    // Not JSON: as good as nothing.
    return null
  }
}
