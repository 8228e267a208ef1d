/** Guests as their agents show them: asked when it makes sense, bounded whatever they do, and believed in nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { addressesOf, agentConnected, osName, passwordOutcome } from '../../../src/agent/drivers/libvirt/guest-agent.ts'
import { again_ms, againFirst_ms, between_ms, createGuestWatch, silentAgain_ms } from '../../../src/agent/guests.ts'
import { Away, Failure, type GuestFacts } from '../../../src/agent/ports.ts'
import { LibvirtError, TimeoutError } from '../../../src/lib/libvirt/index.ts'
import { manualClock, quiet, settle, uuid } from './fakes.ts'

function watched(count = 1) {
  const clock = manualClock()
  const guest = {
    connected: true,
    asked: 0,
    facts: (): Promise<GuestFacts> => Promise.resolve({ addresses: ['10.0.0.5'], os: 'Debian' }),
  }
  const changes: string[] = []
  const instances = new Map(Array.from({ length: count }, (_, n) => [uuid(n + 1), true]))
  const watch = createGuestWatch({
    hypervisor: {
      guestAgent: () => Promise.resolve(guest.connected),
      guestFacts: () => {
        guest.asked++
        return guest.facts()
      },
    },
    clock,
    log: quiet,
    instances,
    changed: id => changes.push(`${id.slice(-1)} ${JSON.stringify(watch.of(id))}`),
  })
  return { clock, guest, changes, watch, instances }
}

describe('agent/guests', () => {
  test('an agent that appears is asked; only changes are told', async () => {
    const { clock, guest, changes, watch } = watched()
    watch.look(uuid(1))
    await settle()
    assert.deepEqual(watch.of(uuid(1)), { agent: 'connected', addresses: ['10.0.0.5'], os: 'Debian' })
    assert.equal(changes.length, 2)
    await clock.advance(again_ms)
    assert.equal(guest.asked, 2)
    assert.equal(changes.length, 2)
    guest.connected = false
    watch.domainChanged(uuid(1))
    await clock.advance(between_ms)
    assert.deepEqual(watch.of(uuid(1)), { agent: 'disconnected', addresses: [], os: null })
    await clock.advance(10 * again_ms)
    assert.equal(guest.asked, 2, 'nobody is asked where no agent is')
  })

  test('one without an address yet is asked again soon, one that does not answer ever more seldom', async () => {
    const { clock, guest, watch } = watched()
    guest.facts = () => Promise.resolve({ addresses: [], os: null })
    watch.look(uuid(1))
    await settle()
    await clock.advance(againFirst_ms)
    assert.equal(guest.asked, 2)
    await clock.advance(2 * againFirst_ms)
    assert.equal(guest.asked, 3)
    guest.facts = () => Promise.reject(new Failure('no answer'))
    await clock.advance(24 * silentAgain_ms)
    assert(guest.asked < 45, String(guest.asked))
    assert.equal(watch.of(uuid(1)).agent, 'connected')
  })

  test('a guest that opens and closes its channel all the time is looked at no more often', async () => {
    const { clock, guest, watch } = watched()
    for (let n = 0; n < 100; n++) {
      watch.look(uuid(1))
      await clock.advance(between_ms / 10)
    }
    assert(guest.asked <= 11, String(guest.asked))
  })

  test('guests that hang hold up two askers and no more; stopping waits for none of them', async () => {
    const { guest, watch } = watched(10)
    guest.facts = () => new Promise(() => undefined)
    for (let n = 1; n <= 10; n++) watch.look(uuid(n))
    await settle()
    assert.equal(guest.asked, 2)
    watch.stop()
    await settle()
  })

  test('while libvirtd is away nothing is lost and nothing asked', async () => {
    const { clock, guest, watch } = watched()
    watch.look(uuid(1))
    await settle()
    guest.facts = () => Promise.reject(new Away('away'))
    await clock.advance(10 * again_ms)
    assert.equal(guest.asked, 2)
    assert.deepEqual(watch.of(uuid(1)).addresses, ['10.0.0.5'])
  })

  test('what a guest says of its addresses is bounded and checked', () => {
    const of = (...addresses: string[]) =>
      addressesOf([
        { name: 'eth0', mac: null, addresses: addresses.map(address => ({ family: 'ipv4', address, prefix: 24 })) },
      ])
    assert.deepEqual(of('10.0.0.9', '127.0.0.1', '::1', 'fe80::1', '2001:DB8:0::1', '10.0.0.9', '0.0.0.0'), [
      '10.0.0.9',
      '2001:db8::1',
    ])
    assert.deepEqual(of('1', '010.0.0.1', 'localhost', '10.0.0.1; reboot', '2001:db8::1%eth0', ''), [])
    assert.equal(of(...Array.from({ length: 500 }, (_, n) => `10.0.${n >> 8}.${n & 255}`)).length, 32)
    fc.assert(fc.property(fc.array(fc.string()), texts => of(...texts).every(text => /^[0-9a-f:.]{2,45}$/.test(text))))
  })

  test('what a guest says of its system is one short line', () => {
    assert.equal(osName('Debian GNU/Linux 12 (bookworm)'), 'Debian GNU/Linux 12 (bookworm)')
    assert.equal(osName('a\u0000b\nc\u001b[31m\u202e'), 'a b c [31m')
    assert.equal(osName(7), null)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
        const name = osName(text) ?? ''
        return name.length <= 100 && !/\p{Cc}/u.test(name)
      }),
    )
  })

  test('the channel’s state is read from the live definition, and from nothing that a user may write there', () => {
    const channel = (state: string) =>
      `<domain><title>&lt;target name='org.qemu.guest_agent.0' state='connected'/&gt;</title><devices><channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'${state}/></channel></devices></domain>`
    assert.equal(agentConnected(channel(" state='connected'")), true)
    assert.equal(agentConnected(channel(" state='disconnected'")), false)
    assert.equal(agentConnected(channel('')), false)
  })

  test('what libvirt says of a password becomes one of our words', () => {
    const error = (code: number, message = 'x') =>
      new LibvirtError('domain_set_user_password', { code, domain: 10, level: 2, message })
    assert.equal(passwordOutcome(error(55, 'domain is not running')), 'not_running')
    assert.equal(
      passwordOutcome(error(86, 'Guest agent is not responding: QEMU guest agent is not connected')),
      'no_agent',
    )
    assert.equal(
      passwordOutcome(error(86, 'Guest agent is not responding: Guest agent not available for now')),
      'silent',
    )
    assert.equal(passwordOutcome(error(112)), 'silent')
    assert.equal(passwordOutcome(new TimeoutError('domain_set_user_password', 1000, true)), 'silent')
    assert.equal(passwordOutcome(error(1, 'child process has failed to set user password')), 'refused')
    assert.throws(() => passwordOutcome(error(38)))
  })
})
