/**
 * Waits until a started service can be used. For these checks there is no event to wait for, so they try, with a pause that
 * grows to 100 ms; the signal ends the waiting as soon as the service is known to be dead.
 */
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { ReadyCheck } from './service.ts'

export async function untilReady(check: ReadyCheck, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  switch (check.kind) {
    case 'started':
      return
    case 'socket':
      return await untilAccepts({ path: check.path }, signal)
    case 'tcp':
      return await untilAccepts({ host: check.address, port: check.port }, signal)
    case 'postgres': {
      // Only here: the supervisor lives long, and a client library that it needs once should not live with it.
      const { untilPostgresReady } = await import('./postgres.ts')
      return await untilPostgresReady(check, signal)
    }
    default:
      check satisfies never
  }
}

async function untilAccepts(where: net.NetConnectOpts, signal: AbortSignal): Promise<void> {
  for (let pause_ms = 5; !(await accepts(where)); pause_ms = Math.min(pause_ms * 2, 100))
    await delay(pause_ms, undefined, { signal })
}

/** Whether somebody accepts a connection there now. */
export function accepts(where: net.NetConnectOpts): Promise<boolean> {
  return new Promise(resolve => {
    const connection = net.connect(where)
    connection.setTimeout(5_000, () => connection.destroy(new Error('silent')))
    connection.on('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.on('error', () => resolve(false))
  })
}
