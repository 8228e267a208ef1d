/** The supervisor as a real process, with small real programs to look after. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, watch } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { identify, isAlive, type ProcessId, waitGone } from '../../../src/lib/process.ts'
import { accepts } from '../../../src/host/ready.ts'
import { type Service, service } from '../../../src/host/service.ts'
import { ensureSupervisor, type SupervisorClient, supervisorClient } from '../../../src/host/supervisor-client.ts'

const stand_in = path.join(import.meta.dirname, '../../support/stand-in.ts')

let folder = ''
let place = { run_dir: '', log_dir: '' }
let client: SupervisorClient

describe('host/supervisor', () => {
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'croft-sv-'))
    place = { run_dir: path.join(folder, 'run'), log_dir: path.join(folder, 'log') }
    client = supervisorClient(place)
  })
  afterEach(async () => {
    await client.shutDown()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const socketOf = (name: string) => path.join(folder, `${name}.sock`)

  function standIn(name: string, ...args: string[]): Service {
    return service({
      name,
      description: 'a program for a test',
      argv: [process.execPath, stand_in, '--socket', socketOf(name), ...args],
      ready: { kind: 'socket', path: socketOf(name) },
      restart: { first_ms: 20, max_ms: 100 },
    })
  }

  /** Who answers on the service's socket. */
  async function pidBehind(name: string): Promise<number> {
    return Number(await text(net.connect(socketOf(name))))
  }

  function processOf(pid: number | null): ProcessId {
    const id = identify(pid ?? -1)
    assert(id, `process ${pid} runs`)
    return id
  }

  const supervisorProcess = () => processOf(Number(readFileSync(path.join(place.run_dir, 'supervisor.pid'), 'utf8')))

  /** Resolves when a process other than `old` stands in the service's file: the supervisor has started it again. */
  async function restarted(name: string, old: number): Promise<void> {
    const services = path.join(place.run_dir, 'services')
    const changes = watch(services)
    try {
      for (;;) {
        const kept = await readFile(path.join(services, `${name}.json`), 'utf8').catch(() => '{}')
        const pid = (JSON.parse(kept) as { process?: ProcessId | null }).process?.pid
        if (pid !== undefined && pid !== old && (await accepts({ path: socketOf(name) }))) return
        // The write that we wait for may lie between the reading and here, hence the limit; the next look settles it.
        await Promise.race([once(changes, 'change'), once(AbortSignal.timeout(50), 'abort')])
      }
    } finally {
      changes.close()
    }
  }

  void test('starts a service, knows when it is ready, and stops it', async () => {
    const started = await client.start(standIn('one'))
    assert.equal(started.state, 'running')
    assert.equal(await pidBehind('one'), started.pid)
    assert.match(await readFile(started.log_file, 'utf8'), /says hello/)
    assert.equal((await stat(path.join(place.run_dir, 'supervisor.sock'))).mode & 0o777, 0o600)
    const id = processOf(started.pid)
    await client.stop('one')
    assert.equal(isAlive(id), false)
    assert.deepEqual(
      (await client.status()).map(({ name, state }) => ({ name, state })),
      [{ name: 'one', state: 'stopped' }],
    )
  })

  void test('asked again for the same it does nothing; for another definition it restarts', async () => {
    const first = await client.start(standIn('one'))
    assert.equal((await client.start(standIn('one'))).pid, first.pid)
    const second = await client.start({ ...standIn('one'), env: { MOOD: 'other' } })
    assert.notEqual(second.pid, first.pid)
    assert.equal(await pidBehind('one'), second.pid)
  })

  void test('a service that is killed comes back, and says how it ended', async () => {
    const { pid } = await client.start(standIn('one'))
    process.kill(pid ?? -1, 'SIGKILL')
    await restarted('one', pid ?? -1)
    const [status] = await client.status()
    assert.equal(status?.restarts, 1)
    assert.equal(status.last_end, 'was ended by SIGKILL')
  })

  void test('one that fails several times after a crash is tried again until it works', async () => {
    const counter = path.join(folder, 'counter')
    const { pid } = await client.start(standIn('one', '--counter', counter, '--dies-first-times', '0'))
    await client.stop('one')
    await assert.rejects(client.start(standIn('one', '--counter', counter, '--dies-first-times', '5')), /code 3/)
    await rm(counter)
    const again = await client.start(standIn('one', '--counter', counter))
    assert.notEqual(again.pid, pid)
  })

  void test('one that does not start is an error with the end of its log, and is not left flapping', async () => {
    await assert.rejects(
      client.start(standIn('one', '--counter', path.join(folder, 'c'), '--dies-first-times', '9')),
      /one ended with code 3; it said:\n.*says hello\nstand-in has had enough/,
    )
    const [status] = await client.status()
    assert.equal(status?.state, 'stopped')
    await assert.rejects(
      client.start(service({ name: 'no', description: '', argv: ['/nowhere/at-all'] })),
      /\/nowhere\/at-all is missing/,
    )
  })

  void test('one that never gets ready is ended and reported', async () => {
    const never = { ...standIn('one'), ready: { kind: 'socket', path: '/nowhere' } as const, ready_timeout_ms: 300 }
    await assert.rejects(client.start(never), /one was not ready within 300 ms/)
    assert.equal(await accepts({ path: socketOf('one') }), false)
  })

  void test('one that is deaf to SIGTERM gets SIGKILL, and its children go with it unless they are to stay', async () => {
    const child = path.join(folder, 'child')
    await client.start({ ...standIn('deaf', '--deaf', '--with-child', child), stop_timeout_ms: 100 })
    const lost = processOf(Number(await readFile(child, 'utf8')))
    await client.stop('deaf')
    assert.equal(await waitGone(lost, 20_000), true)

    await client.start({ ...standIn('deaf', '--with-child', child), keeps_children: true })
    const kept = processOf(Number(await readFile(child, 'utf8')))
    await client.stop('deaf')
    assert.equal(isAlive(kept), true)
    process.kill(kept.pid, 'SIGKILL')
  })

  void test('kill -9 of the supervisor: services go on, the next one takes them over and brings back what died', async () => {
    const one = await client.start(standIn('one'))
    const two = await client.start(standIn('two'))
    const supervisor = supervisorProcess()
    process.kill(supervisor.pid, 'SIGKILL')
    await waitGone(supervisor, 20_000)
    const lost = processOf(two.pid)
    process.kill(lost.pid, 'SIGKILL')
    await waitGone(lost, 20_000)
    assert.equal(await pidBehind('one'), one.pid, 'nobody noticed')

    assert.equal((await client.start(standIn('one'))).pid, one.pid, 'taken over, not restarted')
    await restarted('two', lost.pid)
    // The adopted one is cared for like any other.
    process.kill(one.pid ?? -1, 'SIGKILL')
    await restarted('one', one.pid ?? -1)
  })

  void test('down works when the supervisor is dead already', async () => {
    const one = processOf((await client.start(standIn('one'))).pid)
    const supervisor = supervisorProcess()
    process.kill(supervisor.pid, 'SIGKILL')
    await waitGone(supervisor, 20_000)
    await client.shutDown()
    assert.equal(isAlive(one), false)
    assert.deepEqual(await readdir(path.join(place.run_dir, 'services')), [])
  })

  void test('asked for at the same moment, there is one supervisor', async () => {
    await Promise.all([ensureSupervisor(place), ensureSupervisor(place), ensureSupervisor(place)])
    await client.start(standIn('one'))
    const log = await readFile(path.join(place.log_dir, 'supervisor.log'), 'utf8')
    assert.equal(log.match(/the supervisor runs as process/g)?.length, 1)
  })

  void test('who waited for a supervisor that is then told to end does not take its place', async () => {
    await Promise.all([ensureSupervisor(place), ensureSupervisor(place), ensureSupervisor(place)])
    const file = path.join(place.log_dir, 'supervisor.log')
    const changed = watch(place.log_dir)
    const twice = async (what: RegExp) => {
      const count = async () => (await readFile(file, 'utf8')).match(what)?.length ?? 0
      while ((await count()) < 2) await Promise.race([once(changed, 'change'), once(AbortSignal.timeout(50), 'abort')])
    }
    try {
      await twice(/: waiting in case/g)
      await client.shutDown()
      await twice(/: leaving/g)
    } finally {
      changed.close()
    }
    assert.equal((await readFile(file, 'utf8')).match(/the supervisor runs as process/g)?.length, 1)
    assert.equal(await accepts({ path: path.join(place.run_dir, 'supervisor.sock') }), false)
  })
})
