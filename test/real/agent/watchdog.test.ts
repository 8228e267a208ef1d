/** The watchdog as the process that it is, over real processes: who is killed when, and by whom, when parts of it die or stand still. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, rm } from 'node:fs/promises'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createWatchdogClient, type WatchdogClient } from '../../../src/agent/watchdog/client.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { quiet } from '../../unit/agent/fakes.ts'
import { scratch } from '../../support/scratch.ts'

const root = join(import.meta.dirname, '../../..')

describe('agent/watchdog', () => {
  let run_dir = ''
  let started: ChildProcess[] = []
  let clients: WatchdogClient[] = []

  beforeEach(async () => {
    run_dir = await scratch('croft-watchdog')
    // What the watchdog knows a guest by: the program's name and its -uuid.
    await copyFile('/bin/bash', join(run_dir, 'qemu-system-test'))
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    for (const child of started.splice(0)) {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
    }
    await rm(run_dir, { recursive: true })
  })

  async function child(command: string, argv: string[]): Promise<ChildProcess> {
    const made = spawn(command, argv, { stdio: ['pipe', 'ignore', 'inherit'] })
    started.push(made)
    await once(made, 'spawn')
    return made
  }
  /** Waits for its input, and looks like a guest. */
  const guest = (id: string) => child(join(run_dir, 'qemu-system-test'), ['-c', 'read -r _', 'guest', '-uuid', id])
  const watchdog = () => child(process.execPath, [join(root, 'src/agent/watchdog/main.ts'), '--run', run_dir])
  async function agent(): Promise<WatchdogClient> {
    const client = createWatchdogClient({ run_dir, clock: realClock, log: quiet })
    clients.push(client)
    await up(client)
    return client
  }
  const up = (client: WatchdogClient) =>
    new Promise<void>(resolve => {
      if (client.up) return resolve()
      client.subscribe(event => event === 'up' && resolve())
    })
  const soon = (ms: number) => uptime() * 1000 + ms
  const ended = (one: ChildProcess) => (one.exitCode ?? one.signalCode) !== null
  /** Late is not what is tested: a busy machine may take seconds to let a process run. */
  async function killedWithin(one: ChildProcess, deadline_ms: number, late_ms = 10_000): Promise<void> {
    if (!ended(one)) await once(one, 'exit', { signal: AbortSignal.timeout(20_000) })
    const now_ms = uptime() * 1000
    assert.equal(one.signalCode, 'SIGKILL')
    assert.ok(now_ms >= deadline_ms - 20, `killed ${deadline_ms - now_ms} ms too early`)
    assert.ok(now_ms <= deadline_ms + late_ms, `killed ${now_ms - deadline_ms} ms too late`)
  }

  test('kills whom it guards when the deadline passes, without the agent, and nobody else', async () => {
    await watchdog()
    const [mine, other] = [randomUUID(), randomUUID()]
    const [guarded, free] = [await guest(mine), await guest(other)]
    const client = await agent()
    const deadline_ms = soon(1500)
    await client.arm({ deadline_ms, guarded: [mine] })
    client.close()
    await killedWithin(guarded, deadline_ms)
    assert.equal(ended(free), false)
    const next = await agent()
    await new Promise<void>(resolve => next.subscribe(event => event === 'said' && resolve()))
    assert.ok(next.killedAt(mine))
    assert.equal(next.killedAt(other), null)
  })

  test('a later deadline counts; a guest that comes up past it is killed, too', async () => {
    await watchdog()
    const id = randomUUID()
    const guarded = await guest(id)
    const client = await agent()
    const first_ms = soon(700)
    await client.arm({ deadline_ms: first_ms, guarded: [id] })
    const deadline_ms = soon(2500)
    await client.arm({ deadline_ms, guarded: [id] })
    await killedWithin(guarded, deadline_ms)
    const late = await guest(id)
    await killedWithin(late, uptime() * 1000)
  })

  test('killed itself and started anew, it still knows the deadline', async () => {
    const first = await watchdog()
    const id = randomUUID()
    const guarded = await guest(id)
    const client = await agent()
    const deadline_ms = soon(2500)
    await client.arm({ deadline_ms, guarded: [id] })
    first.kill('SIGKILL')
    await once(first, 'exit')
    assert.equal(ended(guarded), false)
    await watchdog()
    await killedWithin(guarded, deadline_ms)
  })

  test('asked to end, it stays for as long as there is anyone to guard', async () => {
    const process_of = await watchdog()
    const id = randomUUID()
    const guarded = await guest(id)
    const client = await agent()
    const deadline_ms = soon(1500)
    await client.arm({ deadline_ms, guarded: [id] })
    process_of.kill('SIGTERM')
    await killedWithin(guarded, deadline_ms)
    if (!ended(process_of)) await once(process_of, 'exit', { signal: AbortSignal.timeout(30_000) })
    assert.equal(process_of.exitCode, 0)
  })

  test('one that stands still takes no later deadline, and the agent can kill in its place', async () => {
    const process_of = await watchdog()
    const id = randomUUID()
    const guarded = await guest(id)
    const client = await agent()
    const deadline_ms = soon(60_000)
    await client.arm({ deadline_ms, guarded: [id] })
    process_of.kill('SIGSTOP')
    await assert.rejects(client.arm({ deadline_ms: soon(90_000), guarded: [id] }), /gone/)
    assert.equal(client.armed?.deadline_ms, deadline_ms)
    assert.deepEqual(client.kill([id]), [id])
    await killedWithin(guarded, uptime() * 1000)
  })
})
