/** The scripts inside the tiny image, one at a time, run by the same busybox on this machine. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { scratch } from '../../support/scratch.ts'

const run = promisify(execFile)
const scripts = resolve(import.meta.dirname, '../../../src/images/tiny/rootfs/usr/lib/tiny')
const started: ChildProcess[] = []
let dir = ''

describe('images/guest-scripts', () => {
  before(async () => {
    dir = await scratch('guest-scripts')
  })
  after(async () => {
    for (const child of started) child.kill('SIGKILL')
    await rm(dir, { recursive: true, force: true })
  })

  async function awk(script: string, input: string): Promise<string[]> {
    const file = join(dir, 'input')
    await writeFile(file, input)
    const { stdout } = await run('busybox', ['awk', '-f', join(scripts, script), file])
    return stdout.split('\n').filter(Boolean)
  }

  void test('json.awk flattens what OpenStack metadata is made of', async () => {
    const document = {
      uuid: 'a-b',
      public_keys: { 'my key': 'ssh-ed25519 AAAA me@here\n', two: 'ssh-rsa B\nssh-rsa C\n' },
      meta: { quote: 'say "hi" \\ {}[],:', empty: '', tab: 'a\tb' },
      list: [1, true, null, { x: -1.5e3 }],
      hostname: 'h\u0041',
    }
    const expected = [
      'uuid\ta-b',
      'public_keys.my key\tssh-ed25519 AAAA me@here',
      'public_keys.two\tssh-rsa B',
      'public_keys.two\tssh-rsa C',
      'meta.quote\tsay "hi" \\ {}[],:',
      'meta.empty\t',
      'meta.tab\ta b',
      'list.0\t1',
      'list.1\ttrue',
      'list.2\tnull',
      'list.3.x\t-1500',
      'hostname\thA',
    ]
    assert.deepEqual(await awk('json.awk', JSON.stringify(document)), expected)
    assert.deepEqual(await awk('json.awk', JSON.stringify(document, null, 2)), expected)
    assert.deepEqual(await awk('json.awk', '{"hostname": "\\u0041\\/b"}'), ['hostname\tA/b'])
    for (const broken of ['', '{', '{"a"', '{"a":', '["', '}', '{"a" 1}', 'x y']) await awk('json.awk', broken)
  })

  void test('cloud-config.awk reads the keys it knows and passes over the rest', async () => {
    const lines = await awk(
      'cloud-config.awk',
      `#cloud-config
hostname: "pet"   # a comment
packages:
  - nginx
ssh_authorized_keys:
  - ssh-ed25519 AAAA me@here
  - 'ssh-rsa BBBB it''s'
password: s3same#x
chpasswd:
  expire: false
  list: |
    root:first
    other:second
ssh_pwauth: true
runcmd:
  - echo hello > /root/hello   # kept simple
  - [ sh, -c, "echo 'a, b'; true" ]
  - |
    cd /tmp
    touch there
users:
  - name: demo
`,
    )
    assert.deepEqual(lines, [
      'hostname\tpet',
      'key\tssh-ed25519 AAAA me@here',
      "key\tssh-rsa BBBB it's",
      'password\ts3same#x',
      'chpasswd\troot:first',
      'chpasswd\tother:second',
      'ssh_pwauth\ttrue',
      'run\techo hello > /root/hello',
      "run\t'sh' '-c' 'echo '\\''a, b'\\''; true'",
      'run\tcd /tmp; touch there',
    ])
  })

  /** A network namespace, as the process that holds it. */
  async function namespace(): Promise<string> {
    const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec cat'], { stdio: 'pipe' })
    started.push(child)
    await once(child.stdout, 'data')
    return String(child.pid)
  }

  async function within(pid: string, ...argv: [string, ...string[]]): Promise<string> {
    return (await run('nsenter', ['--target', pid, '--net', ...argv])).stdout
  }

  /** One lease from a real DHCP server with these options, through the guest's script; returns routes and more. */
  async function lease(options: readonly string[], address: string, server: string): Promise<Record<string, string>> {
    const [guest, host] = [await namespace(), await namespace()]
    await within(guest, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'srv', 'netns', host)
    await within(guest, 'ip', 'link', 'set', 'eth0', 'up')
    await within(host, 'ip', 'address', 'add', server, 'dev', 'srv')
    await within(host, 'ip', 'link', 'set', 'srv', 'up')
    const config = join(dir, `udhcpd-${guest}`)
    const fixed = [
      `start ${address}`,
      `end ${address}`,
      'interface srv',
      `lease_file ${config}.leases`,
      `pidfile ${config}.pid`,
    ]
    await writeFile(config, [...fixed, ...options, ''].join('\n'))
    await writeFile(`${config}.leases`, '')
    const daemon = spawn('nsenter', ['--target', host, '--net', 'busybox', 'udhcpd', '-f', config], { stdio: 'ignore' })
    started.push(daemon)
    const environment = {
      ...process.env,
      TINY_RUN: dir,
      TINY_RESOLV: join(dir, 'resolv'),
      TINY_CONSOLE: join(dir, 'console'),
    }
    const client = [
      'busybox',
      'udhcpc',
      '-i',
      'eth0',
      '-s',
      join(scripts, 'dhcp'),
      '-O',
      'mtu',
      '-O',
      'staticroutes',
      '-n',
      '-q',
    ]
    await run('nsenter', ['--target', guest, '--net', ...client, '-t', '10', '-T', '1'], { env: environment })
    daemon.kill('SIGKILL')
    return {
      routes: await within(guest, 'ip', '-4', 'route', 'show'),
      address: await within(guest, 'ip', '-4', '-o', 'address', 'show', 'dev', 'eth0'),
      link: await within(guest, 'ip', 'link', 'show', 'dev', 'eth0'),
      resolv: await readFile(join(dir, 'resolv'), 'utf8'),
    }
  }

  const needsRoot = process.getuid?.() === 0 ? false : 'network namespaces need root'

  void test('DHCP: router, MTU, DNS', { skip: needsRoot }, async () => {
    const options = [
      'opt subnet 255.255.255.0',
      'opt router 10.9.0.1',
      'opt mtu 1442',
      'opt dns 10.9.0.2 10.9.0.3',
      'opt domain lab.test',
    ]
    const seen = await lease(options, '10.9.0.50', '10.9.0.1/24')
    assert.match(seen['address'] ?? '', /inet 10\.9\.0\.50\/24/)
    assert.match(seen['routes'] ?? '', /^default via 10\.9\.0\.1 dev eth0/m)
    assert.match(seen['link'] ?? '', /mtu 1442/)
    assert.equal(seen['resolv'], 'search lab.test\nnameserver 10.9.0.2\nnameserver 10.9.0.3\n')
  })

  void test('DHCP: classless routes replace the router (RFC 3442), also to what is on the link', {
    skip: needsRoot,
  }, async () => {
    const routes =
      'opt staticroutes 169.254.169.254/32 10.9.0.2, 10.77.0.0/16 10.9.0.7, 10.88.0.0/16 0.0.0.0, 0.0.0.0/0 10.9.0.254'
    const seen = await lease(['opt subnet 255.255.255.0', 'opt router 10.9.0.1', routes], '10.9.0.50', '10.9.0.1/24')
    assert.match(seen['routes'] ?? '', /^169\.254\.169\.254 via 10\.9\.0\.2 dev eth0/m)
    assert.match(seen['routes'] ?? '', /^10\.77\.0\.0\/16 via 10\.9\.0\.7 dev eth0/m)
    assert.match(seen['routes'] ?? '', /^10\.88\.0\.0\/16 dev eth0/m)
    assert.match(seen['routes'] ?? '', /^default via 10\.9\.0\.254 dev eth0/m)
    assert.doesNotMatch(seen['routes'] ?? '', /via 10\.9\.0\.1 /)
  })

  void test('DHCP: a /32 with a gateway outside it, as routed networks have', { skip: needsRoot }, async () => {
    const seen = await lease(['opt subnet 255.255.255.255', 'opt router 169.254.1.1'], '10.9.0.50', '10.9.0.1/24')
    assert.match(seen['address'] ?? '', /inet 10\.9\.0\.50\/32/)
    assert.match(seen['routes'] ?? '', /^169\.254\.1\.1 dev eth0/m)
    assert.match(seen['routes'] ?? '', /^default via 169\.254\.1\.1 dev eth0/m)
  })
})
