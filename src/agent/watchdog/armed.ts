/** What the watchdog holds, in the machine's memory (/run): whoever starts it again has it, and a reboot, which ends every guest, clears it. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

const Guest = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })

export const Armed = Type.Object({
  /** On the clock since boot, in which time asleep counts: when the guarded guests are killed. */
  deadline_ms: Type.Number(),
  guarded: Type.Array(Guest, { maxItems: 65_536 }),
})
export type Armed = Static<typeof Armed>

/** A guest that was killed, and when: by the host's wall clock, for people. */
export const Killed = Type.Object({ id: Guest, at: Type.String({ maxLength: 64 }) })
export type Killed = Static<typeof Killed>

export const WatchdogState = Type.Object({ armed: Type.Union([Armed, Type.Null()]), killed: Type.Array(Killed) })
export type WatchdogState = Static<typeof WatchdogState>

/** The agent to the watchdog, a line each. */
export const Order = Type.Object({ seq: Type.Integer(), armed: Armed })
/** The watchdog to the agent: the answer to an order, or what became of the guests. */
export const Word = Type.Object({ seq: Type.Optional(Type.Integer()), state: Type.Optional(WatchdogState) })
export type Word = Static<typeof Word>

const checkState = Compile(WatchdogState)

export const socketOf = (run_dir: string) => join(run_dir, 'watchdog.sock')
const fileOf = (run_dir: string) => join(run_dir, 'watchdog.json')

/** Deadlines are on the clock of one boot; where /run outlives that, those of another mean nothing. */
const boot_id = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

export function keepState(run_dir: string, state: WatchdogState): void {
  const file = fileOf(run_dir)
  writeFileSync(`${file}.new`, JSON.stringify({ ...state, boot_id: boot_id() }), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Null when there is none. A damaged one is as none: nothing writes it in part. */
export function readState(run_dir: string): WatchdogState | null {
  try {
    const state: unknown = JSON.parse(readFileSync(fileOf(run_dir), 'utf8'))
    return checkState.Check(state) && (state as { boot_id?: unknown }).boot_id === boot_id() ? state : null
  } catch {
    return null
  }
}
