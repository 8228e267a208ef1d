/** What a person can say to a playground: what each line does to hosts and guests, without a cloud (that: test/slow/playground.test.ts). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedFencing } from '../../../sim/bmc.ts'
import { clockWhile, VirtualClock } from '../../../sim/clock.ts'
import { factsOf } from '../../../sim/facts.ts'
import { SimulatedHost } from '../../../sim/host.ts'
import { Wires } from '../../../sim/network.ts'
import { seeded } from '../../../sim/random.ts'
import { Switchboard } from '../../../sim/switchboard.ts'
import { type Bmc, FenceFailed } from '../../../src/controller/fencing/fence.ts'

const instance = '00000000-0000-7000-8000-00000000000a'

function playground(count: number) {
  const clock = new VirtualClock(0)
  const wires = new Wires(clock, seeded('wires'))
  const hosts = new Map<string, SimulatedHost>()
  for (let n = 1; n <= count; n++) {
    const name = `h${n}`
    const host = new SimulatedHost({
      id: `id-${n}`,
      name,
      facts: factsOf(name),
      random: seeded(name),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      clockOf: alive => clock.of(alive),
      dialler: wires.dialler([]),
    })
    hosts.set(name, host)
    host.powerOn()
  }
  const instancesOf = async (name: string) => (name === 'web' ? [instance] : name === 'twins' ? ['a', 'b'] : [])
  const switchboard = new Switchboard({ hosts, wires, instancesOf })
  const host = (name: string) => hosts.get(name) as SimulatedHost
  const domain = {
    id: instance,
    name: instance,
    ours: true,
    power: 'running',
    off_reason: null,
    paused_reason: null,
  } as const
  return { clock, hosts, host, domain, do: (line: string) => switchboard.do(line) }
}

describe('a switchboard', () => {
  test('it says what can be done, and what is wrong with what was said', async () => {
    const { do: say } = playground(2)
    assert.match(await say('help'), /power-cut HOST….*\n.*power-on HOST…/)
    assert.match(await say('powercut h1'), /There is no command 'powercut'[^]*power-cut HOST/)
    assert.equal(await say('power-cut'), 'Say of which: power-cut HOST…')
    assert.match(await say('power-cut h9'), /There is no host 'h9'/)
    assert.match(await say('crash nobody'), /There is no instance 'nobody'/)
    assert.match(await say('crash twins'), /Several instances/)
    assert.match(await say('crash web'), /runs on no host/)
    assert.equal(await say('  '), '')
    assert.equal(await say('hosts'), 'h1  on, 0 guests\nh2  on, 0 guests')
  })

  test('power, network and agents go and come back, each once', async () => {
    const { do: say, host, domain } = playground(2)
    host('h1').put(domain)
    assert.equal(await say('net-cut h1'), 'h1: is cut off, with 1 guest going on')
    assert.equal(await say('net-cut h1'), 'h1: is cut off already')
    assert.equal(await say('net-on h1 h2'), 'h1: has its network again\nh2: is not cut off')
    assert.equal(await say('agent-kill h1'), 'h1: has no agent, with 1 guest going on')
    assert.equal(await say('hosts'), 'h1  no agent, 1 guest\nh2  on, 0 guests')
    assert.equal(await say('agent-start h1'), 'h1: starts its agent')
    assert.equal(await say('refuse h2'), 'h2: starts no guest any more')
    assert.equal(await say('power-cut all'), 'h1: is off, and with it 1 guest\nh2: is off, and with it 0 guests')
    assert.equal(host('h1').domains.get(instance)?.power, 'off')
    assert.equal(await say('agent-kill h1'), 'h1: has no agent that runs')
    assert.equal(await say('power-on h1'), 'h1: boots')
    assert.equal(await say('power-on h1'), 'h1: is on already')
  })

  test('a guest crashes where it runs; a disk that is put back knows nothing of what came after', async () => {
    const { do: say, host, domain } = playground(2)
    assert.equal(await say('restore h2'), 'h2: has no copy: backup it first')
    assert.equal(await say('backup h2'), 'h2: is copied')
    host('h2').put(domain)
    assert.equal(await say('crash web'), 'web: has crashed on h2')
    assert.deepEqual(host('h2').domains.get(instance)?.off_reason, 'crashed')
    assert.equal(await say('restore h2'), 'h2: boots from its copy')
    assert.equal(host('h2').domains.size, 0)
    assert.ok(host('h2').has_agent)
  })

  test('a host boots under another name; a guest that hangs needs a watchdog', async () => {
    const { do: say, host, domain } = playground(2)
    assert.equal(await say('hostname h1'), 'Say which: hostname h1 NAME')
    assert.match(await say('hostname h9 x'), /There is no host 'h9'/)
    assert.equal(await say('hostname h1 rack7-u3'), 'h1: boots as rack7-u3')
    assert.deepEqual([host('h1').name, host('h1').hostname, host('h1').has_agent], ['h1', 'rack7-u3', true])
    host('h2').put(domain)
    assert.equal(await say('hang web'), 'web: hangs, and has no watchdog (--watchdog-action) on h2')
    assert.equal(host('h2').domains.get(instance)?.power, 'running')
  })

  test('of many hosts those that something was done to are shown first', async () => {
    const { do: say } = playground(30)
    await say('power-cut h29')
    const shown = (await say('hosts')).split('\n')
    assert.deepEqual([shown[0], shown.length, shown.at(-1)], ['h29  off', 21, 'and 10 more'])
  })
})

describe('the management controllers of simulated hosts', () => {
  const bmc: Bmc = {
    ...{ kind: 'redfish', address: 'h1.bmc', port: null, user: 'sim', password: 'sim' },
    ...{ cipher_suite: 3, certificate_sha256: null, ca_pem: null, system: null },
  }
  const always = () => Promise.resolve(true)
  const time = new VirtualClock(0)
  const passing = { ...clockWhile(time, () => true), sleep: async (ms: number) => void time.step(time.now_ms() + ms) }

  test('they cut the power of their host, and know that it is off', async () => {
    const { hosts, host } = playground(1)
    const fencing = simulatedFencing({ hosts, time: passing })
    assert.equal(await fencing.power(bmc), 'on')
    assert.equal(await fencing.off(bmc, () => Promise.resolve(false)), null)
    assert.equal(host('h1').powered, true)
    assert.equal((await fencing.off(bmc, always))?.was_off, false)
    assert.equal(host('h1').powered, false)
    assert.equal((await fencing.off(bmc, always))?.was_off, true)
  })

  test('another address does not answer, another password is refused', async () => {
    const fencing = simulatedFencing({ hosts: playground(1).hosts, time: passing })
    for (const [wrong, fault] of [
      [{ address: '10.0.0.1' }, 'silent'],
      [{ address: 'h2.bmc' }, 'silent'],
      [{ password: 'guessed' }, 'refused'],
    ] as const)
      await assert.rejects(
        async () => await fencing.off({ ...bmc, ...wrong }, always),
        error => error instanceof FenceFailed && error.fault === fault,
      )
  })
})
