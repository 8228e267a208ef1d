/**
 * The watchdog: a process of its own that does one thing. The agent tells it until when the host's highly available guests may
 * run; when that time passes it kills their QEMUs, again and again until none is left, whatever has become of agent,
 * libvirt or controllers. It decides nothing else, and forgets nothing when it is started anew.
 *   main.ts --run DIR
 * Why, and the times: src/model/lease.ts, docs/design/0011-availability.md.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { setPriority, uptime } from 'node:os'
import { parseArgs } from 'node:util'
import { Compile } from 'typebox/compile'
import { type Armed, keepState, Order, readState, socketOf, type WatchdogState, type Word } from './armed.ts'
import { findGuests, killGuests } from './guests.ts'
import { eachLine } from './lines.ts'

/** It looks at the clock this often, so that after the machine slept it is late by no more. */
const tick_ms = 250
/** Past the deadline: a start that libvirt was in the middle of may bring a guest up late. */
const rescan_ms = 250
const killed_max = 1000

const checkOrder = Compile(Order)

function main(): void {
  const { values } = parseArgs({ options: { run: { type: 'string', default: '/run/croft/agent' } } })
  const run_dir = values.run
  mkdirSync(run_dir, { recursive: true, mode: 0o711 })
  comeFirst()
  const sockets = new Set<Socket>()
  let state: WatchdogState = readState(run_dir) ?? { armed: null, killed: [] }
  let scanned_ms = Number.NEGATIVE_INFINITY

  const say = (socket: Socket, word: Word) => void socket.write(`${JSON.stringify(word)}\n`)

  function arm(armed: Armed): void {
    state = { ...state, armed }
    keepState(run_dir, state)
  }

  function look(): void {
    const { armed } = state
    const now_ms = uptime() * 1000
    if (!armed || armed.guarded.length === 0 || now_ms < armed.deadline_ms || now_ms < scanned_ms + rescan_ms) return
    scanned_ms = now_ms
    const found = findGuests(new Set(armed.guarded))
    if (found.length === 0) return
    killGuests(found)
    const at = new Date().toISOString()
    const ids = new Set(found.map(guest => guest.id))
    const killed = [...state.killed.filter(one => !ids.has(one.id)), ...[...ids].map(id => ({ id, at }))]
    state = { ...state, killed: killed.slice(-killed_max) }
    log('the lease of this host is over: its highly available guests are killed', { guests: [...ids] })
    keepState(run_dir, state)
    for (const socket of sockets) say(socket, { state })
  }

  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    say(socket, { state })
    eachLine(socket, line => {
      const order: unknown = JSON.parse(line)
      if (!checkOrder.Check(order)) throw new Error('an order that is none')
      arm(order.armed)
      say(socket, { seq: order.seq })
    })
  })
  const path = socketOf(run_dir)
  rmSync(path, { force: true })
  server.listen(path, () => chmodSync(path, 0o600))
  let asked_to_end = false
  const tick = () => {
    look()
    // Who ends it may mean to start it again; while there is anyone to guard it stays for as long as it is let.
    if (asked_to_end && findGuests(new Set(state.armed?.guarded)).length === 0) process.exit(0)
  }
  process.on('SIGTERM', () => {
    asked_to_end = true
    tick()
  })
  setInterval(tick, tick_ms)
  tick()
  log('the watchdog runs', { guarded: state.armed?.guarded.length ?? 0 })
}

/** Before other processes for a processor, and the last to go when memory is short. Where it may not, it does without. */
function comeFirst(): void {
  for (const [what, take] of [
    ['processors', () => setPriority(-20)],
    ['memory', () => writeFileSync('/proc/self/oom_score_adj', '-1000')],
  ] as const) {
    try {
      take()
    } catch (error) {
      log(`the watchdog has no precedence over other processes for ${what}`, { error: String(error) })
    }
  }
}

function log(msg: string, detail: object): void {
  process.stderr.write(`${JSON.stringify({ level: 30, time: Date.now(), msg, ...detail })}\n`)
}

main()
