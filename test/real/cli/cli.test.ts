/** The command line against a whole controller over real HTTP, as a person and as a script use it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, type ObedientHost } from '../../support/obedient-host.ts'

let cloud: TestCloud
let host: ObedientHost
let home: Home
let url: string

interface Thing {
  id: string
  name: string
  state: string
  tags: Record<string, string>
}

describe('cli/cli', () => {
  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 64, memory_mib: 262_144 })
    await addImage(cloud)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
    const made = await home.run('flavor', 'create', 'nano', '--vcpus', '1', '--memory-mib', '128', '--disk-gib', '1')
    assert.equal(made.code, 0, made.stderr)
    await ok('network', 'create', 'red')
    await ok('subnet', 'create', 'red-4', '--network', 'red', '--cidr', '10.8.0.0/24')
  })

  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  async function ok(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await home.run(...words)
    assert.equal(code, 0, `croft ${words.join(' ')}: ${stderr}`)
    return stdout
  }

  async function things<T = Thing>(...words: string[]): Promise<T[]> {
    return JSON.parse(await ok(...words, '--json')) as T[]
  }

  test('an instance by names: created, waited for, shown, changed, stopped, deleted', async () => {
    const made = await ok(
      'instance',
      'create',
      'web',
      '--image',
      'tiny',
      '--flavor',
      'nano',
      '--tag',
      'tier=front',
      '--wait',
    )
    assert.match(made, /^NAME +STATE/)
    assert.match(made, /^web +running .* nano +tiny +h1 /m)
    const [web] = await things('instance', 'list', '--name', 'web')
    assert.deepEqual(web?.tags, { tier: 'front' })
    assert.match(await ok('instance', 'get', 'web'), /^state +running$/m)
    await ok('instance', 'update', 'web', '--name', 'web-a', '--tag', 'a=1', '--tag', 'b=2')
    assert.deepEqual(JSON.parse(await ok('instance', 'get', 'web-a', '--json')).tags, { tier: 'front', a: '1', b: '2' })
    assert.match(await ok('instance', 'stop', 'web-a', '--wait'), /web-a +stopped/)
    assert.equal(await ok('instance', 'start', 'web-a', '--wait', '--quiet'), `${web?.id}\n`)
    await ok('instance', 'delete', 'web-a', '--wait')
    assert.deepEqual(await things('instance', 'list', '--name', 'web-a'), [])
    assert.match(await ok('instance', 'recover', 'web-a', '--wait'), /web-a +stopped/)
    await ok('instance', 'delete', 'web-a', '--purge', '--wait')
  })

  test('a dry run says where it would run and what it takes, makes nothing, and ends as creating would', async () => {
    const words = ['instance', 'create', 'dry', '--image', 'tiny', '--flavor', 'nano', '--dry-run']
    const told = await ok(...words)
    assert.match(told, /^Nothing was made. It would be taken now, and run in default\.$/m)
    assert.match(told, /^h1 +default +chosen +1 /m)
    assert.match(told, /^vcpus +\d+ +1 /m)
    const plan = JSON.parse(await ok(...words, '--json')) as { possible: boolean }
    assert.equal(plan.possible, true)
    const refused = await home.run(...words, '--disk-gib', '60000')
    assert.equal(refused.code, 6, refused.stderr)
    assert.match(refused.stdout, /^Quota exceeded: /m)
    assert.deepEqual(await things('instance', 'list', '--name', 'dry'), [])
  })

  test('a screen by SPICE needs a program, and which one is said', async () => {
    const words = ['--image', 'tiny', '--flavor', 'nano', '--network', 'red', '--graphics', 'spice', '--wait']
    await ok('instance', 'create', 'screen', ...words)
    const env = { PATH: home.folder }
    const { code, stderr } = await home.runWith({ env }, 'instance', 'console', 'screen', '--spice')
    assert.notEqual(code, 0)
    assert.match(stderr, /remote-viewer cannot be started: .*ENOENT/)
    assert.match(stderr, /Install the package virt-viewer/)
    await ok('instance', 'delete', 'screen', '--purge', '--wait')
  })

  test('a batch is one command; lists follow all pages unless limited; explain tells of hosts', async () => {
    const user_data = path.join(home.folder, 'user-data')
    await writeFile(user_data, '#!/bin/sh\necho hello\n')
    const words = ['--image', 'tiny', '--flavor', 'nano', '--network', 'red', '--count', '3', '--wait', '--json']
    const made = JSON.parse(await ok('instance', 'create', 'many', ...words, '--user-data', user_data)) as {
      items: Thing[]
      operation: { state: string }
    }
    assert.deepEqual(made.items.map(one => [one.name, one.state]).sort(), [
      ['many-1', 'running'],
      ['many-2', 'running'],
      ['many-3', 'running'],
    ])
    assert.equal(made.operation.state, 'succeeded')
    assert.equal(
      host.wanted.get(made.items[0]?.id ?? '')?.metadata.user_data,
      Buffer.from('#!/bin/sh\necho hello\n').toString('base64'),
    )
    assert.equal((await things('instance', 'list')).length, 3)
    assert.equal((await things('instance', 'list', '--limit', '2')).length, 2)
    const quiet = await ok('instance', 'list', '--quiet', '--sort', 'name')
    assert.deepEqual(quiet.trim().split('\n').sort(), made.items.map(one => one.id).sort())
    const explained = await ok('instance', 'explain', 'many-1')
    assert.match(explained, /^h1 was chosen;/)
    assert.match(explained, /^HOST +VERDICT +SCORE +\w+/m)
    assert.match(explained, /^h1 +chosen +[\d.]+ +[\d.]+/m)
    assert.match(explained, /Asked for:\n[\s\S]*memory_mib +128 MiB/)
    assert.doesNotMatch(explained, /[{}"]/)
    const nowhere = await home.run('instance', 'migrate', 'many-1')
    assert.match(nowhere.stderr, /where it is now: 1 host, h1 has it now\)\. Add a host to its zone\./)
    const both = await ok('instance', 'explain', 'many-1')
    assert.ok(both.startsWith(explained), both)
    assert.match(both, /^Refused since, at \S+:\nNo host could take it\.$/m)
    const { body: ada } = await cloud.request('POST', '/v1/users', { body: { name: 'ada' } })
    const { project_id } = cloud
    const grant = { user_id: ada.id, role: 'member', scope: 'project', project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    const CROFT_TOKEN = await cloud.tokenOf(String(ada.id), project_id)
    const told = await home.runWith({ env: { CROFT_TOKEN } }, 'instance', 'explain', 'many-1')
    assert.match(told.stdout, /^A host was chosen\. .* topology\.read/, told.stderr)
    assert.doesNotMatch(told.stdout, /\bh1\b/)
    for (const { name } of made.items) await ok('instance', 'delete', name, '--purge', '--wait')
  })

  test('--wait tells why it failed, and so does the exit code', async () => {
    host.failure = 'the disk is broken'
    const failed = await home.run('instance', 'create', 'bad', '--image', 'tiny', '--flavor', 'nano', '--wait')
    host.failure = null
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /^croft: instance.create failed: the disk is broken$/m)
    assert.match(failed.stdout, /bad +error/)
    await ok('instance', 'delete', 'bad', '--purge', '--wait')
  })

  test('failures are told apart by exit code, in words for people and as JSON for programs', async () => {
    const cases: [number, RegExp, string[]][] = [
      [2, /missing required argument 'name'/, ['instance', 'create']],
      [2, /flavor create needs --vcpus and --memory-mib/, ['flavor', 'create', 'x']],
      [2, /unknown option '--colour'/, ['instance', 'list', '--colour']],
      [2, /unknown command 'instanse'[\s\S]*instance\?/, ['instanse', 'list']],
      [
        2,
        /--vcpus: "two" is not a whole number/,
        ['flavor', 'create', 'f', '--vcpus', 'two', '--memory-mib', '1', '--disk-gib', '1'],
      ],
      [2, /"zebra" is not one of/, ['network', 'create', 'n', '--kind', 'zebra']],
      [2, /Nothing to change/, ['project', 'update', 'default']],
      [4, /There is no instance "nobody" in this project/, ['instance', 'get', 'nobody']],
      [4, /There is no host "nowhere"\.\n/, ['host', 'get', 'nowhere']],
      [4, /There is no flavor "none"/, ['instance', 'create', 'x', '--image', 'tiny', '--flavor', 'none']],
      [
        6,
        /taken|already|exists/i,
        ['flavor', 'create', 'nano', '--vcpus', '1', '--memory-mib', '128', '--disk-gib', '1'],
      ],
      [3, /token is not valid/, ['--token', 'croft_t_not-a-token-at-all', 'instance', 'list']],
      [7, /cannot be reached: nothing listens there/, ['--url', 'http://127.0.0.1:9', 'instance', 'list']],
    ]
    for (const [code, says, words] of cases) {
      const ended = await home.run(...words)
      assert.equal(ended.code, code, `${words.join(' ')}: ${ended.stderr}`)
      assert.match(ended.stderr, says)
      assert.equal(ended.stdout, '')
    }
    const as_json = await home.run('flavor', 'get', crypto.randomUUID(), '--json')
    assert.equal((JSON.parse(as_json.stderr) as { code: string }).code, 'not_found')
  })

  test('one command for several things: each is done or told why not, and the exit code says which', async () => {
    const base = ['--image', 'tiny', '--flavor', 'nano', '--network', 'red']
    for (const name of ['s1', 's2', 's3']) await ok('instance', 'create', name, ...base, '--wait')
    const stopped = await ok('instance', 'stop', 's1', 's2', 's1', '--wait')
    assert.match(stopped, /s1 +stopped[\s\S]*s2 +stopped/)
    assert.equal(stopped.match(/s1/g)?.length, 1, 'named twice, done once')
    const two = JSON.parse(await ok('instance', 'get', 's1', 's3', '--json')) as Thing[]
    assert.deepEqual(
      two.map(({ name, state }) => `${name} ${state}`),
      ['s1 stopped', 's3 running'],
    )
    const deleted = await home.run('instance', 'delete', 's1', 'nobody', 's2', '--purge', '--wait', '--json')
    assert.equal(deleted.code, 4, deleted.stderr)
    const outcomes = deleted.json() as { target: string; answer?: { operation: object }; error?: { detail: string } }[]
    assert.deepEqual(
      outcomes.map(({ target, answer }) => `${target} ${answer !== undefined}`),
      ['s1 true', 'nobody false', 's2 true'],
    )
    assert.match(outcomes[1]?.error?.detail ?? '', /There is no instance "nobody"/)
    assert.match((JSON.parse(deleted.stderr) as { detail: string }).detail, /^nobody: There is no instance "nobody"/)
    // To its end: while it goes on, no other one is taken.
    const mixed = await home.run('instance', 'reboot', 's3', 'nobody', 's1', '--wait')
    assert.equal(mixed.code, 4)
    assert.match(mixed.stdout, /s3 /)
    assert.match(mixed.stderr, /^croft: nobody: There is no[\s\S]*^s1: There is no/m)
    host.failure = 'the disk is broken'
    const failed = await home.run('instance', 'reboot', 's3', '--hard', '--wait')
    host.failure = null
    assert.equal(failed.code, 1, 'one alone is as it always was')
    assert.match(failed.stderr, /^croft: instance.reboot failed: the disk is broken$/m)
    assert.equal((await home.run('instance', 'get', 's3', 'nobody', '--watch')).code, 2)
    await ok('instance', 'delete', 's3', '--purge', '--wait')
    for (const name of ['t1', 't2']) await ok('key-pair', 'create', name, '--quiet')
    const gone = await home.run('key-pair', 'delete', 't1', 't2')
    assert.match(gone.stderr, /Done: key pair delete t1\.\nDone: key pair delete t2\./)
  })

  test('files that cannot be read, and a URL where nobody is, are told plainly', async () => {
    const empty = await cliHome()
    const cases: [number, RegExp, string[]][] = [
      [
        2,
        /The file \/nowhere\/x cannot be read: there is no such file\./,
        ['image', 'create', 'x', '--file', '/nowhere/x'],
      ],
      [2, /The file \/etc cannot be read: it is a folder\./, ['image', 'create', 'x', '--file', '/etc']],
      [2, /The file \/etc cannot be read: it is a folder\./, ['key-pair', 'create', 'x', '--file', '/etc']],
      [
        2,
        /The certificates \/nowhere\/ca cannot be read: there is no such file/,
        ['--ca', '/nowhere/ca', 'image', 'list'],
      ],
    ]
    for (const [code, says, words] of cases) {
      const ended = await home.run(...words)
      assert.equal(ended.code, code, ended.stderr)
      assert.match(ended.stderr, says)
    }
    const nobody = await empty.run('--url', 'http://127.0.0.1:9', 'instance', 'list')
    assert.equal(nobody.code, 7, 'to sign in would not help')
    assert.match(nobody.stderr, /^croft: http:\/\/127\.0\.0\.1:9 cannot be reached: nothing listens there\.$/m)
    assert.match(nobody.stderr, /--url.*croft start.*croft up/)
    const stranger = await empty.run('--url', url, 'instance', 'list')
    assert.equal(stranger.code, 3)
    assert.match(stranger.stderr, /You are not signed in[\s\S]*croft sign-in --url/)
    await empty[Symbol.asyncDispose]()
  })

  test('a refused field is told by the option that gives it; an invitation warns of an address that nobody else reaches', async () => {
    await ok('network', 'create', 'green')
    await ok('subnet', 'create', 'green-4', '--network', 'green', '--cidr', '10.9.0.0/24')
    const unsure = await home.run('instance', 'create', 'x', '--image', 'tiny', '--flavor', 'nano')
    assert.equal(unsure.code, 2)
    assert.match(unsure.stderr, /There is more than one network[\s\S]*^ {2}On the command line: --network NETWORK/m)
    await ok('subnet', 'delete', 'green-4')
    await ok('network', 'delete', 'green')
    const { stdout, stderr, code } = await home.run('host', 'invite')
    assert.equal(code, 0)
    const loopback = /controller_url +https:\/\/(127\.|\[::1)/.test(stdout)
    assert.equal(/Warning: .*--cluster-address/.test(stderr), loopback, `${stdout}${stderr}`)
  })

  test('one name of two things is no name', async () => {
    for (let made = 0; made < 2; made++) await ok('network', 'create', 'twin')
    const ended = await home.run('network', 'get', 'twin')
    assert.equal(ended.code, 6)
    assert.match(ended.stderr, /Several networks are called "twin"/)
    for (const { id } of await things('network', 'list', '--name', 'twin')) await ok('network', 'delete', id)
  })

  test('networks and rules in the words that people use', async () => {
    await ok('network', 'create', 'blue')
    await ok(
      'subnet',
      'create',
      'blue-4',
      '--network',
      'blue',
      '--cidr',
      '10.9.0.0/24',
      '--dns',
      '10.9.0.2',
      '--dns',
      '10.9.0.3',
    )
    const [subnet] = await things<{ dns: string[] }>('subnet', 'list', '--network', 'blue')
    assert.deepEqual(subnet?.dns, ['10.9.0.2', '10.9.0.3'])
    await ok('subnet', 'update', 'blue-4', '--no-gateway')
    assert.equal(JSON.parse(await ok('subnet', 'get', 'blue-4', '--json')).gateway, null)
    await ok('security-group', 'create', 'front')
    await ok('security-group', 'rule', 'add', 'front', 'tcp:80-81', '--from', '10.0.0.0/8')
    await ok('security-group', 'rule', 'add', 'front', 'any', '--from', 'front')
    const rules = await ok('security-group', 'rule', 'list', 'front')
    assert.match(rules, /ingress +ipv4 +tcp:80-81 +10\.0\.0\.0\/8/)
    const words = [
      '--image',
      'tiny',
      '--flavor',
      'nano',
      '--network',
      'blue,fixed-address=10.9.0.77,security-group=front',
    ]
    const made = JSON.parse(await ok('instance', 'create', 'placed', ...words, '--wait', '--json')) as {
      items: { addresses: { address: string }[] }[]
    }
    assert.equal(made.items[0]?.addresses[0]?.address, '10.9.0.77')
    await ok('instance', 'delete', 'placed', '--purge', '--wait')
  })

  test('--watch sees changes: first what there is, then events, a line each', async () => {
    const watching = home.start('flavor', 'list', '--name', 'nano', '--watch', '--json')
    const first = JSON.parse(await watching.nextLine()) as { kind: string; resource: Thing }
    assert.deepEqual([first.kind, first.resource.name], ['present', 'nano'])
    const seen = watching.nextLine()
    await ok('flavor', 'create', 'micro', '--vcpus', '1', '--memory-mib', '256', '--disk-gib', '1')
    assert.equal((JSON.parse(await seen) as { kind: string }).kind, 'created')
    watching.child.kill('SIGINT')
    assert.equal(await watching.ended, 0)
  })

  test('a password is taken from standard input, and stands on no command line', async () => {
    const given = { input: 'a secret of four words\n' }
    const made = await home.runWith(given, 'user', 'create', 'typed-in', '--password', '-')
    assert.equal(made.code, 0, made.stderr)
    const none = await home.runWith({ input: '' }, 'user', 'create', 'nobody', '--password', '-')
    assert.match(none.stderr, /No password was given/)
    await using fresh = await cliHome({ CROFT_URL: url })
    const signed_in = await fresh.runWith(given, 'sign-in', '--user', 'typed-in')
    assert.equal(signed_in.code, 0, signed_in.stderr)
  })

  test('signing in keeps a token that only its owner can read; signing out ends it', async () => {
    await using fresh = await cliHome()
    const refused = await fresh.runWith({ input: 'wrong\n' }, 'sign-in', '--user', 'admin', '--url', url)
    assert.equal(refused.code, 3)
    const signed_in = await fresh.runWith(
      { input: `${cloud.admin_password}\n` },
      'sign-in',
      '--user',
      'admin',
      '--url',
      url,
    )
    assert.equal(signed_in.code, 0, signed_in.stderr)
    const file = path.join(fresh.folder, 'config/croft/session.json')
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.doesNotMatch(await readFile(file, 'utf8'), new RegExp(cloud.admin_password))
    assert.match((await fresh.run('whoami')).stdout, /^user +admin\nproject +default$/m)
    assert.equal((await fresh.run('project', 'create', 'other')).code, 0)
    const other = (await fresh.run('project', 'list', '--name', 'other', '--json')).json() as Thing[]
    const roles = ['--user', 'admin', '--role', 'member', '--scope', 'project', '--project', String(other[0]?.id)]
    assert.equal((await fresh.run('role-grant', 'create', ...roles)).code, 0)
    assert.match((await fresh.run('whoami', '--project', 'other')).stdout, /^project +other$/m)
    const kept = JSON.parse(await readFile(file, 'utf8')) as { token: string }
    assert.equal((await fresh.run('sign-out')).code, 0)
    assert.equal((await fresh.run('whoami')).code, 3)
    assert.equal((await fresh.run('--url', url, '--token', kept.token, 'whoami')).code, 3)
  })

  test('a public key comes from its file, and a private one stays where it is', async () => {
    await mkdir(path.join(home.folder, 'keys'))
    const file = path.join(home.folder, 'keys', 'id.pub')
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5E0YGoXhxd3HA0nwbSnqDBPqZ5C3rWV9PtWAXsNVNL me@here'
    await writeFile(file, `${key}\n`)
    await ok('key-pair', 'create', 'mine', '--file', file)
    const [kept] = await things<{ public_key: string }>('key-pair', 'list', '--name', 'mine')
    assert.ok(kept?.public_key.startsWith('ssh-ed25519 AAAAC3'))
    await writeFile(file, '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    const refused = await home.run('key-pair', 'create', 'not', '--file', file)
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /is a private key/)
  })

  test('an image comes from a file, checked and ready; a lying one is refused with the reason', async () => {
    const file = path.join(home.folder, 'disk.qcow2')
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, '8M'])
    const words = ['--file', file, '--property', 'os=debian', '--wait', '--json']
    const made = JSON.parse(await ok('image', 'create', 'mine', ...words)) as {
      image: { status: string; format: string }
    }
    assert.deepEqual([made.image.status, made.image.format], ['ready', 'qcow2'])
    const lying = path.join(home.folder, 'lying.qcow2')
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', '/etc/passwd', lying, '8M'])
    const refused = await home.run('image', 'create', 'lying', '--file', lying, '--wait')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /backing file/)
    const both = await home.run('image', 'create', 'x', '--file', file, '--source-url', 'http://example.com/x')
    assert.equal(both.code, 2)
  })
})
