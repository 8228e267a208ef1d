/** What the guest agent says of a running instance, and commands through it. Beside the other routes of instances (index.ts). */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, nullable, oneOf, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Guest = closed({
  id: Uuid,
  read_at: Time,
  agent_version: nullable(Type.String()),
  runs_commands: Type.Boolean({ description: 'Whether the agent lets commands be run; some systems forbid it' }),
  os: nullable(
    closed({
      id: nullable(Type.String()),
      name: nullable(Type.String()),
      version: nullable(Type.String()),
      kernel: nullable(Type.String()),
      machine: nullable(Type.String()),
    }),
  ),
  hostname: nullable(Type.String()),
  time_zone: nullable(closed({ name: nullable(Type.String()), offset_s: Type.Integer() })),
  interfaces: Type.Array(
    closed({
      name: Type.String(),
      mac: nullable(Type.String()),
      addresses: Type.Array(closed({ address: Type.String(), prefix: Type.Integer() })),
    }),
  ),
  users: Type.Array(
    closed({
      name: Type.String(),
      domain: nullable(Type.String({ description: 'On Windows' })),
      signed_in_at: nullable(Time),
    }),
    { description: 'Signed in now' },
  ),
  file_systems: Type.Array(
    closed({
      mount: Type.String(),
      device: Type.String(),
      type: Type.String(),
      total_bytes: nullable(Type.Integer()),
      used_bytes: nullable(Type.Integer()),
    }),
  ),
})
export type Guest = Static<typeof Guest>

export const GuestApplications = closed({
  manager: nullable(oneOf(['dpkg', 'rpm', 'apk'], { description: 'Who knows them; null: none of these is there' })),
  items: Type.Array(closed({ name: Type.String(), version: Type.String() })),
  truncated: Type.Boolean(),
})
export type GuestApplications = Static<typeof GuestApplications>

const encoding = (output: string) =>
  oneOf(['utf8', 'base64'], { description: `How ${output} is told: as text, or base64 when it is none` })

export const GuestCommandResult = closed({
  exit_code: nullable(Type.Integer({ description: 'Null when a signal ended it' })),
  signal: nullable(Type.Integer()),
  stdout: Type.String(),
  stdout_encoding: encoding('stdout'),
  stderr: Type.String(),
  stderr_encoding: encoding('stderr'),
  truncated: Type.Boolean({ description: 'Only the first MiB of each output is here' }),
})
export type GuestCommandResult = Static<typeof GuestCommandResult>

const Word = Type.String({ maxLength: limits.command_word_length_max })
const params = closed({ instance: Uuid })
const errors = ['not_found', 'forbidden', 'wrong_state', 'host_unreachable', 'unavailable'] as const

export const instanceGuestRoutes = {
  guest: route({
    name: 'instance.guest',
    method: 'GET',
    path: '/v1/instances/:instance/guest',
    summary: 'What the running guest says of itself, asked now: system, addresses, users, file systems',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    params,
    status: 200,
    reply: Guest,
    errors,
  }),
  guestApplications: route({
    name: 'instance.guest-applications',
    method: 'GET',
    path: '/v1/instances/:instance/guest/applications',
    summary: 'What is installed in the running guest: runs dpkg-query, rpm or apk there',
    level: 'project',
    needs: 'instance.command',
    on_instance: 'instance.command',
    params,
    acts: true,
    status: 200,
    reply: GuestApplications,
    errors,
    cli: { hidden: true },
  }),
  exec: route({
    name: 'instance.exec',
    method: 'POST',
    path: '/v1/instances/:instance/guest/commands',
    summary: 'Run a command in the guest, through its guest agent and never by a shell; answers when it has ended',
    level: 'project',
    needs: 'instance.command',
    on_instance: 'instance.command',
    params,
    body: closed({
      argv: Type.Array(Word, {
        minItems: 1,
        maxItems: limits.command_words_max,
        description: 'The program and its arguments, as they are. They are kept in the audit log: no place for secrets',
      }),
      env: Type.Optional(
        Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }), Word, {
          maxProperties: 64,
          additionalProperties: Type.Never(),
          description:
            'In place of the environment that the agent gives. Kept nowhere; in the guest it is the environment of the command and no word of it',
        }),
      ),
      stdin: Type.Optional(
        Type.String({
          maxLength: Math.ceil(limits.command_stdin_bytes_max / 3) * 4,
          pattern: '^[A-Za-z0-9+/]*={0,2}$',
          contentEncoding: 'base64',
          description: 'Base64. Kept nowhere',
        }),
      ),
      timeout_ms: Type.Optional(
        Type.Integer({
          minimum: 100,
          maximum: limits.command_timeout_ms_max,
          default: 30_000,
          description: 'How long is waited for its end. A command that takes longer goes on in the guest',
        }),
      ),
    }),
    audited: ['argv'],
    status: 200,
    reply: GuestCommandResult,
    errors: [...errors, 'invalid', 'conflict'],
    cli: { hidden: true },
  }),
}
