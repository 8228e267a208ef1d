/** Cutting power against real management controllers: ipmi_sim by ipmitool, and a Redfish service over HTTPS. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type Bmc,
  FenceFailed,
  type FenceFault,
  type Fencing,
  fencing,
  type FencingDriver,
  type Power,
} from '../../../src/controller/fencing/fence.ts'
import { realFencing } from '../../../src/controller/fencing/index.ts'
import { ipmi, ipmitoolArguments } from '../../../src/controller/fencing/ipmi.ts'
import { redfish } from '../../../src/controller/fencing/redfish.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { VirtualClock } from '../../../sim/clock.ts'
import { ipmiSim, redfishService, type RedfishTest } from '../../support/bmc.ts'

const real: Fencing = realFencing(realClock)
const always = () => Promise.resolve(true)
/** Cuts the power of what is to be off. */
async function off(bmc: Bmc, by = real) {
  const fenced = await by.off(bmc, always)
  assert.ok(fenced)
  return fenced
}

function fault(expected: FenceFault, words: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof FenceFailed, String(error))
    assert.equal(error.fault, expected, error.message)
    assert.match(error.message, words)
    assert.doesNotMatch(error.message, /right-Word|wrong-Word/)
    return true
  }
}

test('a management controller that was silent cuts nothing when its host is back by the time it answers', async () => {
  let tries = 0
  let cuts = 0
  let is_gone = true
  const driver = {
    async power() {
      tries += 1
      if (tries < 3) throw new FenceFailed('silent', 'it does not answer')
      is_gone = false
      return 'on' as const
    },
    async cut() {
      cuts += 1
    },
  }
  const late = fencing({ ipmi: driver, redfish: driver }, { ...realClock, sleep: () => Promise.resolve() })
  assert.equal(await late.off({ kind: 'ipmi' } as Bmc, () => Promise.resolve(is_gone)), null)
  assert.deepEqual([tries, cuts], [3, 0])
})

/** Its power is on until it is cut; `answers` says what becomes of each attempt. */
function bmcThat(answers: (attempt: number) => { acts: boolean; fault?: FenceFault }) {
  let power: Power = 'on'
  let attempts = 0
  const driver: FencingDriver = {
    power: async () => power,
    async cut() {
      const { acts, fault } = answers(attempts++)
      if (acts) power = 'off'
      if (fault) throw new FenceFailed(fault, 'no answer that says so')
    },
  }
  return fencing({ ipmi: driver, redfish: driver }, { ...realClock, sleep: () => Promise.resolve() })
}

test('a cut whose answer is lost was asked for: that the power is off then is no sign that it was before', async () => {
  for (const fault of ['silent', 'failed'] as const)
    assert.equal(
      (
        await off(
          { kind: 'ipmi' } as Bmc,
          bmcThat(() => ({ acts: true, fault })),
        )
      ).was_off,
      false,
      fault,
    )
  let asked = 0
  const second = bmcThat(attempt => {
    asked = attempt + 1
    return attempt === 0 ? { acts: false, fault: 'silent' } : { acts: true }
  })
  assert.equal((await off({ kind: 'ipmi' } as Bmc, second)).was_off, false)
  assert.equal(asked, 2, 'one that was lost on its way is asked for again')
})

test('a cut that is refused has done nothing, and who asked hears of it', async () => {
  const refused: string[] = []
  const told = bmcThat(() => ({ acts: false, fault: 'refused' })).off({ kind: 'ipmi' } as Bmc, always, async () => {
    refused.push('told')
  })
  await assert.rejects(told, fault('refused', /no answer/))
  assert.deepEqual(refused, ['told'])
})

describe('fencing by IPMI', () => {
  let sim: Awaited<ReturnType<typeof ipmiSim>>
  before(async () => {
    sim = await ipmiSim()
  })
  after(() => sim.close())

  test('power is read, cut and seen to be off', async () => {
    assert.equal(await real.power(sim.bmc), 'on')
    const { was_off } = await off(sim.bmc)
    assert.equal(was_off, false)
    assert.equal(await sim.power(), 'off')
    assert.equal((await off(sim.bmc)).was_off, true, 'a second time there is nothing to do')
  })

  test('a wrong password and an unknown user are refused, in words', async () => {
    await sim.setPower('on')
    await assert.rejects(off({ ...sim.bmc, password: 'wrong-Word1' }), fault('refused', /password is wrong/))
    await assert.rejects(off({ ...sim.bmc, user: 'nobody' }), fault('refused', /not know the user|password/))
    assert.equal(await sim.power(), 'on')
  })

  test('where nothing answers, that is no sign of being off', async () => {
    await assert.rejects(real.power({ ...sim.bmc, port: 1 }), fault('silent', /does not answer/))
  })

  test('power that stays on is told so', async () => {
    await sim.setPower('on')
    await writeFile(join(sim.folder, 'stuck'), '')
    await assert.rejects(off(sim.bmc, impatient()), fault('failed', /still on/))
    await rm(join(sim.folder, 'stuck'))
  })

  test('the password is on no command line', () => {
    const hostile: Bmc = { ...sim.bmc, address: '-o', user: '-P' }
    assert.ok(!ipmitoolArguments(sim.bmc, []).includes(sim.bmc.password))
    const argv = ipmitoolArguments(hostile, ['chassis', 'power', 'status'])
    assert.equal(argv[argv.indexOf('-H') + 1], '-o', 'what follows an option that takes a value is its value')
  })
})

const impatient = () => fencing({ ipmi, redfish: redfish(realClock) }, hasty())

/** A clock that a wait of half a second takes seconds further, so that patience runs out at once. */
function hasty() {
  const clock = new VirtualClock(0)
  return { ...realClock, steady_ms: () => clock.now_ms(), sleep: async () => void clock.step(clock.now_ms() + 4000) }
}

describe('fencing by Redfish', () => {
  let service: RedfishTest
  before(async () => {
    service = await redfishService()
  })
  after(() => service.close())

  test('power is read, cut and seen to be off, with the certificate vouched for by its authority', async () => {
    assert.equal(await real.power(service.bmc), 'on')
    assert.equal((await off(service.bmc)).was_off, false)
    assert.equal(await service.power(), 'off')
    assert.ok(service.asked.some(({ what }) => what === 'POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset'))
  })

  test('or known by its fingerprint', async () => {
    const pinned = { ...service.bmc, ca_pem: null, certificate_sha256: service.certificate_sha256.toUpperCase() }
    assert.equal(await real.power(pinned), 'off')
  })

  test('another certificate gets no request, and so no password', async () => {
    service.asked.length = 0
    const stranger = { ...service.bmc, ca_pem: null, certificate_sha256: 'ab'.repeat(32) }
    await assert.rejects(real.power(stranger), fault('refused', /shows another certificate/))
    await assert.rejects(real.power({ ...service.bmc, ca_pem: null }), fault('refused', /not to be trusted/))
    assert.deepEqual(service.asked, [])
  })

  test('a wrong password is refused', async () => {
    await assert.rejects(real.power({ ...service.bmc, password: 'wrong-Word1' }), fault('refused', /password/))
  })

  test('redirects are not followed', async () => {
    service.instead = () => ({ status: 302, headers: { location: 'https://127.0.0.1:1/redfish/v1/Systems/1' } })
    await assert.rejects(real.power(service.bmc), fault('refused', /302; redirects are not followed/))
    service.instead = null
  })

  test('an action elsewhere is not asked for: a reset goes to the same server, below /redfish/v1/', async () => {
    await service.setPower('on')
    service.asked.length = 0
    const actions = { '#ComputerSystem.Reset': { target: 'https://stranger.example/reset' } }
    service.instead = what =>
      what.startsWith('GET') && !what.endsWith('Systems')
        ? {
            status: 200,
            body: JSON.stringify({ PowerState: service.asked.length > 6 ? 'Off' : 'On', Actions: actions }),
          }
        : null
    await off(service.bmc)
    assert.deepEqual(
      service.asked.filter(({ what }) => what.startsWith('POST')).map(({ what }) => what),
      ['POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset'],
    )
    service.instead = null
  })

  test('an answer without end, or that is no Redfish, is given up', async () => {
    service.instead = () => ({ status: 200, body: `{"a":"${'x'.repeat(2 * 1024 * 1024)}"}` })
    await assert.rejects(real.power(service.bmc), fault('failed', /not Redfish/))
    service.instead = () => ({ status: 200, body: '<html>' })
    await assert.rejects(real.power(service.bmc), fault('failed', /not Redfish/))
    service.instead = () => ({ status: 200, body: '{}' })
    await assert.rejects(
      real.power({ ...service.bmc, system: '/redfish/v1/Systems/1' }),
      fault('failed', /power is on/),
    )
    await assert.rejects(real.power(service.bmc), fault('refused', /0 systems/))
    service.instead = null
  })

  test('power that stays on is told so', async () => {
    await service.setPower('on')
    service.stuck = true
    await assert.rejects(off(service.bmc, impatient()), fault('failed', /still on/))
    service.stuck = false
  })

  test('a server that accepts and says nothing is silent', async () => {
    const mute = createServer(socket => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as { port: number }
    await assert.rejects(redfish(realClock).power({ ...service.bmc, port }, 200), fault('silent', /does not answer/))
    mute.close()
  })
})
