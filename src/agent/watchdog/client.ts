/**
 * The agent's end of the watchdog: arms it, hears whom it killed, notices when it is gone, and reaches it again. Also kills
 * by itself when asked, as the watchdog would.
 */
import { connect, type Socket } from 'node:net'
import { uptime } from 'node:os'
import { Compile } from 'typebox/compile'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Armed, Log, Watchdog, WatchdogListener } from '../ports.ts'
import { readState, socketOf, type WatchdogState, Word } from './armed.ts'
import { findGuests, killGuests } from './guests.ts'
import { eachLine } from './lines.ts'

const again_ms = 200
const answer_within_ms = 2000
const checkWord = Compile(Word)

export interface WatchdogClient extends Watchdog {
  close(): void
}

export function createWatchdogClient(options: { run_dir: string; clock: Clock; log: Log }): WatchdogClient {
  const { run_dir, clock, log } = options
  const listeners = new Set<WatchdogListener>()
  const waiting = new Map<number, PromiseWithResolvers<void>>()
  let state: WatchdogState | null = readState(run_dir)
  let socket: Socket | null = null
  let up = false
  let seq = 0
  let closed = false
  let timer: Timer | null = null
  let warned = false
  const tell: WatchdogListener = event => {
    for (const listener of listeners) listener(event)
  }

  function dial(): void {
    const mine = connect(socketOf(run_dir))
    socket = mine
    mine.on('connect', () => {
      up = true
      warned = false
      tell('up')
    })
    mine.on('error', error => {
      if (!warned) log.warn({ error }, 'the watchdog does not answer; without it the host gets no longer lease')
      warned = true
    })
    mine.on('close', () => {
      socket = null
      for (const each of waiting.values()) each.reject(new Error('the watchdog is gone'))
      waiting.clear()
      if (up) tell('down')
      up = false
      if (!closed) timer = clock.after(again_ms, dial)
    })
    eachLine(mine, line => {
      const word: unknown = JSON.parse(line)
      if (!checkWord.Check(word)) throw new Error('the watchdog said what is no word of it')
      if (word.state) {
        state = word.state
        tell('said')
      }
      if (word.seq !== undefined) waiting.get(word.seq)?.resolve()
      if (word.seq !== undefined) waiting.delete(word.seq)
    })
  }
  dial()

  return {
    steady_ms: () => uptime() * 1000,
    get up() {
      return up
    },
    get armed() {
      return state?.armed ?? null
    },
    killedAt: id => state?.killed.findLast(one => one.id === id)?.at ?? null,
    async arm(armed: Armed) {
      if (!socket || !up) throw new Error('the watchdog does not answer')
      const mine = ++seq
      const answered = Promise.withResolvers<void>()
      waiting.set(mine, answered)
      socket.write(`${JSON.stringify({ seq: mine, armed })}\n`)
      // One that stands still must not hold up the agent: the deadline stays what it was.
      const late = clock.after(answer_within_ms, () => socket?.destroy())
      await answered.promise.finally(() => late.cancel())
      state = { killed: state?.killed ?? [], armed: { ...armed, guarded: [...armed.guarded] } }
    },
    kill(ids) {
      const found = findGuests(new Set(ids))
      killGuests(found)
      return found.map(guest => guest.id)
    },
    subscribe: listener => void listeners.add(listener),
    close() {
      closed = true
      timer?.cancel()
      socket?.destroy()
    },
  }
}
