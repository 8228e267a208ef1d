/** What a guest says when it is asked, hostile as it may be, and commands in it: begun, followed, given up. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  fileSystemsOf,
  interfacesOf,
  osOf,
  plainText,
  readDetails,
  timeZoneOf,
  usersOf,
} from '../../../src/agent/drivers/libvirt/guest-details.ts'
import {
  applicationsOf,
  readApplications,
  runInGuest,
  statusOf,
} from '../../../src/agent/drivers/libvirt/guest-exec.ts'
import { askGuest } from '../../../src/agent/drivers/libvirt/guest-questions.ts'
import { GuestSilence, silenceOf, type Talk } from '../../../src/agent/drivers/libvirt/guest-talk.ts'
import { Away, Failure } from '../../../src/agent/ports.ts'
import { type Libvirt, LibvirtError, TimeoutError } from '../../../src/lib/libvirt/index.ts'
import { type GuestAnswer, type GuestCommand, guestBounds, readAnswer } from '../../../src/protocol/guest.ts'
import { uuid } from './fakes.ts'

const refused = (message: string, code = 1) =>
  new LibvirtError('domain_agent_command', { code, domain: 10, level: 2, message })

/** Time that goes on by being waited for. */
function time() {
  let now_ms = 0
  return {
    now_ms: () => now_ms,
    sleep: (delay_ms: number) => {
      now_ms += delay_ms
      return Promise.resolve()
    },
  }
}

const talkOf =
  (answers: Readonly<Record<string, unknown>>, asked: [string, object | undefined][] = []): Talk =>
  (command, args) => {
    asked.push([command, args])
    const said = answers[command]
    return said instanceof Error ? Promise.reject(said) : Promise.resolve(typeof said === 'function' ? said() : said)
  }

const command: GuestCommand = { ask: 'run', argv: ['df', '-h', '/'], timeout_ms: 10_000 }
const enabled = (...names: string[]) => ({
  version: '7.2',
  supported_commands: names.map(name => ({ name, enabled: true, 'success-response': true })),
})

describe('agent/guest-questions', () => {
  test('details are put together from what the agent can tell, one refusal apart', async () => {
    const asked: [string, object | undefined][] = []
    const talk = talkOf(
      {
        'guest-info': {
          ...enabled('guest-get-osinfo', 'guest-get-users', 'guest-get-fsinfo', 'guest-exec'),
          more: 1,
        },
        'guest-get-osinfo': { id: 'debian', 'pretty-name': 'Debian GNU/Linux 12', 'kernel-release': '6.1', machine: 7 },
        'guest-get-users': new GuestSilence('not_started', 'no utmp'),
        'guest-get-fsinfo': [
          { name: 'sda1', mountpoint: '/', type: 'ext4', 'used-bytes': 5, 'total-bytes': 10, disk: [] },
        ],
        'guest-get-host-name': { 'host-name': 'never asked' },
      },
      asked,
    )
    const details = await readDetails(talk)
    assert.deepEqual(details, {
      agent_version: '7.2',
      runs_commands: false,
      os: { id: 'debian', name: 'Debian GNU/Linux 12', version: null, kernel: '6.1', machine: null },
      hostname: null,
      time_zone: null,
      interfaces: [],
      users: [],
      file_systems: [{ mount: '/', device: 'sda1', type: 'ext4', total_bytes: 10, used_bytes: 5 }],
    })
    assert.deepEqual(
      asked.map(([name]) => name),
      ['guest-info', 'guest-get-osinfo', 'guest-get-users', 'guest-get-fsinfo'],
    )
    const hung = talkOf({ 'guest-info': enabled('guest-get-users'), 'guest-get-users': new GuestSilence('silent') })
    await assert.rejects(readDetails(hung), (error: GuestSilence) => error.why === 'silent')
  })

  test('whatever a guest says of itself fits the protocol', async () => {
    const names = ['guest-get-osinfo', 'guest-get-host-name', 'guest-get-timezone', 'guest-network-get-interfaces']
    const all = [...names, 'guest-get-users', 'guest-get-fsinfo', 'guest-exec', 'guest-exec-status']
    const word = fc.oneof(
      fc.string({
        unit: fc.constantFrom('a', 'Ä', ' ', '1', ':', '\0', '\n', '\u001b', '\u202e', '\u{1f600}', '"', '\\'),
        maxLength: 20,
      }),
      fc.ipV4(),
      fc.ipV6(),
      fc.constant('\u{1f600}'.repeat(300)),
      fc.double(),
      fc.constant(null),
      fc.maxSafeInteger(),
    )
    const keys = [
      'name',
      'user',
      'domain',
      'login-time',
      'mountpoint',
      'type',
      'total-bytes',
      'used-bytes',
      'zone',
      'offset',
    ]
    const more = ['hardware-address', 'ip-address', 'prefix', 'id', 'pretty-name', 'host-name', 'machine']
    const thing = fc.dictionary(fc.constantFrom(...keys, ...more), word)
    const list = fc.array(
      fc.oneof(
        word,
        thing,
        thing.map(one => ({ ...one, name: 'x', 'ip-addresses': [one] })),
      ),
      {
        maxLength: 4,
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(word, thing, list), async said => {
        const answers = Object.fromEntries(all.map(name => [name, said]))
        const details = await readDetails(talkOf({ ...answers, 'guest-info': enabled(...all) }))
        const line = JSON.stringify({ outcome: 'details', details })
        assert.ok(readAnswer(line), line)
      }),
      { numRuns: 200 },
    )
  })

  test('texts are one line that can be seen, lists are bounded, numbers are numbers', () => {
    assert.equal(plainText('a\u0000b\nc\u001b[31m\u202e\ud800'), 'a b c [31m \ufffd')
    assert.equal(plainText(' \n '), null)
    assert.equal(plainText('x'.repeat(10_000))?.length, guestBounds.text_chars_max)
    assert.equal(usersOf(Array.from({ length: 9999 }, () => ({ user: 'root' }))).length, guestBounds.users_max)
    assert.deepEqual(usersOf([{ user: 'root', 'login-time': 1.5 }, { user: 'a', 'login-time': 1e300 }, 'b']), [
      { name: 'root', domain: null, signed_in_ms: 1500 },
      { name: 'a', domain: null, signed_in_ms: null },
    ])
    assert.deepEqual(fileSystemsOf([{ mountpoint: '/', 'total-bytes': 1e300, 'used-bytes': -1 }, {}]), [
      { mount: '/', device: '', type: '', total_bytes: null, used_bytes: null },
    ])
    assert.deepEqual(timeZoneOf({ zone: 'CET', offset: 3600 }), { name: 'CET', offset_s: 3600 })
    assert.equal(timeZoneOf({ zone: 'CET', offset: 1e9 }), null)
    assert.equal(osOf({ 'pretty-name': 7 }), null)
    const lo = {
      name: 'lo',
      'hardware-address': '00:00:00:00:00:00',
      'ip-addresses': [{ 'ip-address': '127.0.0.1', prefix: 8 }],
    }
    const eth0 = {
      name: 'eth0',
      'hardware-address': 'FA:16:3E:00:00:01',
      'ip-addresses': [
        { 'ip-address': '10.0.0.5', prefix: 24 },
        { 'ip-address': 'fe80::1%eth0', prefix: 64 },
        { 'ip-address': '10.0.0.6; reboot', prefix: 24 },
        { 'ip-address': '10.0.0.7', prefix: 999 },
      ],
    }
    assert.deepEqual(interfacesOf([lo, eth0]), [
      { name: 'eth0', mac: 'fa:16:3e:00:00:01', addresses: [{ address: '10.0.0.5', prefix: 24 }] },
    ])
  })

  test('a command is started as it is, followed to its end, and cut to size', async () => {
    const asked: [string, object | undefined][] = []
    let looks = 0
    let begun = 0
    const out = Buffer.from('hello\n').toString('base64')
    const talk = talkOf(
      {
        // A guest without a shell of which anybody knows.
        'guest-exec': () => {
          if (++begun === 1) throw new GuestSilence('not_started', 'no such file')
          return { pid: 7 }
        },
        'guest-exec-status': () => (++looks < 4 ? { exited: false } : { exited: true, exitcode: 3, 'out-data': out }),
      },
      asked,
    )
    const env = ['LANG=C']
    const ran = await runInGuest(talk, { ...command, env, stdin: 'YQ==' }, time())
    assert.partialDeepStrictEqual(asked[0]?.[1], { path: '/bin/sh', env: ['croft_1=LANG=C'], 'input-data': 'YQ==' })
    assert.deepEqual(asked[1], [
      'guest-exec',
      { path: 'df', arg: ['-h', '/'], env, 'input-data': 'YQ==', 'capture-output': true },
    ])
    assert.deepEqual(asked.at(-1), ['guest-exec-status', { pid: 7 }])
    // No shell hands these on as they are.
    for (const one of ['SHLVL=5', 'UID=1000', '_=x', 'BASH_ENV=/x', 'a name=x', 'alone']) {
      asked.length = 0
      await runInGuest(talk, { ...command, env: ['A=b', one] }, time())
      assert.partialDeepStrictEqual(asked[0]?.[1], { path: 'df', env: ['A=b', one] })
    }
    assert.partialDeepStrictEqual(ran, { outcome: 'ran', exit_code: 3, signal: null, stdout: out, stderr: '' })
    const flood = Buffer.alloc(guestBounds.output_bytes_max + 1, 'x').toString('base64')
    const cut = statusOf({ exited: true, signal: 9, 'out-data': flood, 'err-data': 7, 'err-truncated': true })
    assert.partialDeepStrictEqual(cut, { exit_code: null, signal: 9, stdout_truncated: true, stderr_truncated: true })
    assert.equal(Buffer.from(cut.stdout, 'base64').length, guestBounds.output_bytes_max)
    assert.ok(readAnswer(JSON.stringify({ ...cut, outcome: 'ran' })))
  })

  test('one that does not end goes on; one whose guest is gone is lost; a guest that is busy for a while is waited for', async () => {
    const status = (...answers: unknown[]) => {
      let at = 0
      return talkOf({
        'guest-exec': { pid: 7 },
        'guest-exec-status': () => {
          const said = answers[Math.min(at++, answers.length - 1)]
          if (said instanceof Error) throw said
          return said
        },
      })
    }
    const run = (talk: Talk): Promise<GuestAnswer> => runInGuest(talk, command, time())
    const silent = new GuestSilence('silent')
    assert.deepEqual(await run(status({ exited: false })), { outcome: 'failed', why: 'timeout', pid: 7 })
    assert.deepEqual(await run(status(silent)), { outcome: 'failed', why: 'lost', pid: 7 })
    assert.partialDeepStrictEqual(await run(status(silent, silent, { exited: true, exitcode: 0 })), { exit_code: 0 })
    for (const why of ['not_running', 'no_agent', 'not_started', 'host'] as const)
      assert.deepEqual(await run(status(new GuestSilence(why))), { outcome: 'failed', why: 'lost', pid: 7 })
    assert.deepEqual(await run(status(new GuestSilence('too_long'))), { outcome: 'failed', why: 'too_long', pid: 7 })
    await assert.rejects(run(talkOf({ 'guest-exec': { pid: 'x' } })), (error: GuestSilence) => error.why === 'strange')
  })

  test('applications are asked of the first package manager that is there', async () => {
    const asked: string[] = []
    const out = Buffer.from('zlib-1.3.1-r0\nmusl-1.2.5-r1\nnonsense\n').toString('base64')
    const talk: Talk = (name, args) => {
      if (name !== 'guest-exec') return Promise.resolve({ exited: true, exitcode: 0, 'out-data': out })
      const { path } = args as { path: string }
      asked.push(path)
      return path === 'apk'
        ? Promise.resolve({ pid: 1 })
        : Promise.reject(new GuestSilence('not_started', 'no such file'))
    }
    assert.deepEqual(await readApplications(talk, time()), {
      outcome: 'applications',
      manager: 'apk',
      applications: [
        { name: 'musl', version: '1.2.5-r1' },
        { name: 'zlib', version: '1.3.1-r0' },
      ],
      truncated: false,
    })
    assert.deepEqual(asked, ['/bin/sh', 'dpkg-query', '/bin/sh', 'rpm', '/bin/sh', 'apk'])
    assert.deepEqual(applicationsOf('dpkg', 'ii \tbash\t5.2\nrc \tgone\t1\nii \t\u001b[31m\t1\n'), [
      { name: '[31m', version: '1' },
      { name: 'bash', version: '5.2' },
    ])
    const blocked = talkOf({ 'guest-exec': new GuestSilence('blocked') })
    await assert.rejects(readApplications(blocked, time()), (error: GuestSilence) => error.why === 'blocked')
  })

  test('what libvirt says becomes one of our words', () => {
    const why = (error: unknown) => {
      const found = silenceOf(error)
      return found instanceof GuestSilence ? [found.why, found.words] : found
    }
    const failed = "internal error: unable to execute QEMU agent command 'guest-exec': "
    assert.deepEqual(why(refused(`${failed}Failed to execute child process “x” (No such file or directory)`)), [
      'not_started',
      'Failed to execute child process “x” (No such file or directory)',
    ])
    for (const text of [
      'The command guest-exec has been disabled for this instance',
      'Command guest-exec has been disabled',
      'The command guest-exec has not been found',
    ])
      assert.equal((why(refused(failed + text)) as string[])[0], 'blocked')
    assert.deepEqual(why(refused('domain is not running', 55)), ['not_running', undefined])
    assert.deepEqual(why(refused('QEMU guest agent is not connected', 86)), ['no_agent', undefined])
    assert.deepEqual(why(refused('Guest agent not available for now', 86)), ['silent', undefined])
    assert.deepEqual(why(new TimeoutError('domain_agent_command', 1000, true)), ['silent', undefined])
    assert.deepEqual(why(refused('internal error: QEMU agent reply exceeds maximum size')), ['too_long', undefined])
    const other = refused('something else', 38)
    assert.equal(why(other), other)
  })

  test('one guest is asked one thing at a time; nothing of a question gets out when libvirt fails', async () => {
    let at_once = 0
    let most = 0
    const libvirt = {
      guest: {
        async agentCommand(_: unknown, name: string) {
          most = Math.max(most, ++at_once)
          await new Promise(resolve => setImmediate(resolve))
          at_once--
          if (name === 'guest-exec') return { pid: 1 }
          return { exited: true, exitcode: 0 }
        },
      },
    } as Partial<Libvirt> as Libvirt
    const mayTouch = () => Promise.resolve(true)
    const ask = askGuest((_, call) => call(libvirt), mayTouch)
    const gone = new AbortController()
    await Promise.all(Array.from({ length: 5 }, () => ask(uuid(1), command, gone.signal)))
    assert.equal(most, 1)
    const failing = (error: Error) => askGuest(() => Promise.reject(error), mayTouch)(uuid(1), command, gone.signal)
    const secret = new Failure('asking the guest: {"input-data": "c2VjcmV0"}', { cause: refused('c2VjcmV0', 38) })
    assert.deepEqual(await failing(secret), { outcome: 'failed', why: 'host', words: 'libvirt could not ask it' })
    assert.deepEqual(await failing(new Away('away')), {
      outcome: 'failed',
      why: 'host',
      words: 'libvirtd does not answer',
    })
    gone.abort()
    await assert.rejects(ask(uuid(1), command, gone.signal))
  })
})
