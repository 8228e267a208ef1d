/**
 * Everything that takes part in a move is killed in the middle of it: each agent, libvirtd and relay, while the guest is being sent and
 * at the moment when it is handed over. The guest runs exactly once each time, and the host that it is not on is clean.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { type CuttableLine, cuttableLine } from '../../support/cuttable-line.ts'
import { eventually } from '../../support/eventually.ts'
import { Drive, guest, type TestHost, TwoHosts } from './two-agents.ts'

const run = promisify(execFile)
const one: WantedInstance = guest(1)
const volumes = one.disks.map(disk => disk.volume_id)
let hosts: TwoHosts
/** Where the guest is. */
let here: TestHost
let there: TestHost
/** Between the two agents; both have their own controller beside it. */
let line: CuttableLine

/** When the source has written down that it hands over. */
async function handingOver(host: TestHost): Promise<void> {
  const folder = join(host.dir, 'state', 'moves')
  for await (const _ of changes(folder)) {
    const text = await readFile(join(folder, `${one.id}.json`), 'utf8').catch(() => '')
    if (text.includes('"handing_over"')) return
  }
}

async function* changes(folder: string): AsyncGenerator<void> {
  const signal = AbortSignal.timeout(60_000)
  let news = Promise.withResolvers<void>()
  const watcher = watch(folder, () => news.resolve())
  const late = () => news.reject(new Error('it was never handed over'))
  signal.addEventListener('abort', late)
  try {
    for (;;) {
      yield
      await news.promise
      news = Promise.withResolvers<void>()
    }
  } finally {
    signal.removeEventListener('abort', late)
    watcher.close()
  }
}

/** libvirt sends: something is to be killed now. */
async function underWay(): Promise<void> {
  const moving = await here.phase(one.id, 'sending')
  if ((moving.progress?.elapsed_ms ?? 0) > 0) return
  await here.controller.report(one.id, each => (each.migration?.progress?.elapsed_ms ?? 0) > 0)
}

async function tooSoon(drive: Drive): Promise<never> {
  const { outcome, told } = await drive.ended
  throw new Error(`it ${outcome} before anything was killed: ${told.reason}`)
}

async function restart(host: TestHost, drive: Drive): Promise<void> {
  await host.startAgent()
  drive.tell()
}

const events: Record<string, { when: 'sending' | 'handing over'; what: (drive: Drive) => Promise<void> }> = {
  'the source’s agent': {
    when: 'sending',
    async what(drive) {
      await here.killAgent('SIGKILL')
      await restart(here, drive)
    },
  },
  'the target’s agent': {
    when: 'sending',
    async what(drive) {
      await there.killAgent('SIGKILL')
      await restart(there, drive)
    },
  },
  'the source’s libvirtd': {
    when: 'sending',
    async what() {
      await here.daemon.signalLibvirtd('KILL')
      await here.daemon.startLibvirtd()
    },
  },
  'the target’s libvirtd': {
    when: 'sending',
    async what() {
      await there.daemon.signalLibvirtd('KILL')
      await there.daemon.startLibvirtd()
    },
  },
  'the source’s relay': {
    when: 'sending',
    async what() {
      process.kill(await here.relayPid(), 'SIGKILL')
    },
  },
  'the target’s relay': {
    when: 'sending',
    async what() {
      process.kill(await there.relayPid(), 'SIGKILL')
    },
  },
  'both agents': {
    when: 'sending',
    async what(drive) {
      await Promise.all([here.killAgent('SIGKILL'), there.killAgent('SIGKILL')])
      await restart(there, drive)
      await restart(here, drive)
    },
  },
  'the target’s agent, before it heard that all is sent,': {
    when: 'handing over',
    async what(drive) {
      await there.killAgent('SIGKILL')
      await restart(there, drive)
    },
  },
  // The target knows that it never had the guest, and can tell it only to its controller.
  'the line between the agents, and the target’s agent, before it heard that all is sent,': {
    when: 'handing over',
    async what(drive) {
      line.cut()
      await there.killAgent('SIGKILL')
      await restart(there, drive)
    },
  },
  'the source’s agent, before it heard the answer,': {
    when: 'handing over',
    async what(drive) {
      await here.killAgent('SIGKILL')
      there.signalAgent('SIGCONT')
      await restart(here, drive)
    },
  },
  'the source’s libvirtd, which then cannot confirm,': {
    when: 'handing over',
    async what() {
      await here.daemon.signalLibvirtd('KILL')
      there.signalAgent('SIGCONT')
      await here.daemon.startLibvirtd()
    },
  },
}

describe('agent/moves-killed', () => {
  before(async () => {
    hosts = await TwoHosts.start()
    ;[here, there] = [hosts.alpha, hosts.beta]
    here.controller.want(true, [one])
    await here.controller.report(one.id, each => each.power === 'running')
    here.controller.want(true, [{ ...one, generation: 2, power: 'stopped' }])
    await here.controller.report(one.id, each => each.power === 'stopped')
    await run('qemu-io', ['-f', 'qcow2', '-c', 'write -q -P 7 64M 96M', join(here.volumes, `${volumes[0]}.qcow2`)])
    here.controller.want(true, [{ ...one, generation: 3 }])
    await here.controller.report(one.id, each => each.power === 'running' && each.applied_generation === 3)
    await here.echoes(one.id, 'begin')
  })
  after(() => hosts?.stop())

  for (const [who, { when, what }] of Object.entries(events)) {
    test(`${who} killed while ${when}: the guest runs once, and nothing is left on the other host`, {
      timeout: 170_000,
    }, async () => {
      const bandwidth_mib_s = when === 'sending' ? 2 : 16
      // On a busy machine what is left of an idle guest may take longer than QEMU would pause for by itself.
      const limits = { bandwidth_mib_s, ...(when === 'handing over' && { downtime_ms_max: 10_000 }) }
      await using cuttable = await cuttableLine(0)
      line = cuttable
      const drive = new Drive(
        { ...one, generation: 3 },
        here,
        there,
        { copied_volumes: volumes, ...limits },
        address => {
          line.lead(Number(address.split(':').at(-1)))
          return `127.0.0.1:${line.port}`
        },
      )
      await Promise.race([underWay(), tooSoon(drive)])
      if (when === 'handing over') {
        // It hears nothing from here on; libvirt's part goes on, and the relay's.
        there.signalAgent('SIGSTOP')
        await handingOver(here)
      }
      await what(drive)
      const { outcome, told } = await drive.ended
      if (outcome === 'moved') [here, there] = [there, here]
      assert.deepEqual([await here.domstate(one.id), await there.domstate(one.id)], ['running', ''], told.reason ?? '')
      // It forgets a little after it has said that it has nothing.
      await eventually(async () => assert.deepEqual(await there.traces(), []))
      await here.echoes(one.id, 'still there')
      // A trace of having been booted again would be HELLO after what was typed first.
      assert.ok(outcome === 'moved' || told.reason !== null)
    })
  }
})
