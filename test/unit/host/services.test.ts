/** Services as values: what they run, their units, when KVM counts as usable. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../src/config.ts'
import { staysUnderSystemd } from '../../../src/host/down.ts'
import { HostError } from '../../../src/host/error.ts'
import { judgeKvm } from '../../../src/host/kvm.ts'
import { service, type ServiceStatus } from '../../../src/host/service.ts'
import { watchdogService } from '../../../src/host/services/watchdog.ts'
import { agentService } from '../../../src/host/services/agent.ts'
import { connectable, controllerService, splitPassword } from '../../../src/host/services/controller.ts'
import { libvirt } from '../../../src/host/services/libvirt.ts'
import { ovnCentral } from '../../../src/host/services/ovn-central.ts'
import { postgresService } from '../../../src/host/services/postgres.ts'
import { quoteWord, unitText } from '../../../src/host/systemd.ts'
import { preflight } from '../../../src/host/up/preflight.ts'
import { freePort } from '../../support/free-port.ts'

const config = loadConfig(
  { database_url: 'postgresql://croft:s%3Acret@db.example/croft', state_dir: '/nowhere/state' },
  {},
)

void test('a password never stands on a command line', async () => {
  const { service } = await controllerService(config)
  assert(!service.argv.join(' ').includes('cret'))
  assert(service.argv.includes('postgresql://croft@db.example/croft'))
  assert.deepEqual(splitPassword('postgresql://u:a%3Ab%5C@/d?host=/run'), {
    url: 'postgresql://u@/d?host=/run',
    passfile: '*:*:*:*:a\\:b\\\\\n',
  })
  assert.deepEqual(splitPassword('postgresql://h/d'), { url: 'postgresql://h/d', passfile: '' })
})

void test('a further controller tells hosts of the same southbound database as the first, and leaves OVN to it', async () => {
  const ovnOf = async (said: object) => {
    const { service } = await controllerService(
      loadConfig({ database_url: 'postgresql://h/d', state_dir: '/nowhere/state', ...said }, {}),
    )
    return service.argv.flatMap((word, at) => (word.startsWith('--ovn') ? [`${word} ${service.argv[at + 1]}`] : []))
  }
  const remote = '--ovn-sb ssl:192.0.2.1:6642'
  const first = await ovnOf({ cluster_address: '192.0.2.1' })
  assert.equal(first.length, 3)
  assert(first.includes(remote))
  assert.deepEqual(await ovnOf({ ovn_central: '192.0.2.1' }), [remote])
})

void test('what a further controller has to have is said before anything is changed', async () => {
  const further = { ovn_central: '192.0.2.1', state_dir: '/nowhere/state' }
  await assert.rejects(preflight(loadConfig(further, {}), []), /needs the database of the cloud/)
  const northbound = (state: ServiceStatus['state']) => [
    { name: 'croft-ovn-nb', description: '', state, pid: null, restarts: 0, last_end: null, log_file: '' },
  ]
  await assert.rejects(
    preflight(loadConfig(further, {}), northbound('running')),
    /leave the cloud's networks to nobody/,
  )
  await assert.rejects(preflight(loadConfig(further, {}), northbound('stopped')), /needs the database of the cloud/)
  const asked = { ...further, database_url: 'postgresql://h/d' }
  await assert.rejects(preflight(loadConfig(asked, {}), []), /told to dial this controller at 127\.0\.0\.1/)
  const reached = loadConfig({ ...asked, listen: '192.0.2.2:7070' }, {})
  await assert.rejects(
    preflight(reached, []),
    (error: unknown) =>
      error instanceof HostError &&
      error.message.includes('/nowhere/state/controller/seal.key') &&
      /Copy it.*Not controller-id/.test(error.mend ?? ''),
  )
})

void test('an address that is not here is refused by its option, also while the controller runs', async () => {
  const running: ServiceStatus[] = [
    { name: 'croft-controller', description: '', state: 'running', pid: 1, restarts: 0, last_end: null, log_file: '' },
  ]
  const refused = async (said: object, message: RegExp, mend: RegExp) => {
    for (const services of [running, []])
      await assert.rejects(
        preflight(loadConfig({ state_dir: '/nowhere/state', ...said }, {}), services),
        (error: unknown) => error instanceof HostError && message.test(error.message) && mend.test(error.mend ?? ''),
      )
  }
  const here = /--cluster-address ADDRESS$/
  await refused({ cluster_address: '192.0.2.1' }, /^cluster_address: 192\.0\.2\.1 is not an address of this/, here)
  await refused({ cluster_address: 'nope.invalid' }, /^cluster_address: nope\.invalid is not a name that can/, here)
  await refused({ listen: 'nope.invalid:7070' }, /^nope\.invalid:7070 is not a name that can/, /--listen/)
  // A free port: a Croft of the machine's own may have the usual one.
  const listen = `127.0.0.1:${await freePort()}`
  await refused({ listen, agent_listen: '192.0.2.1:7071' }, /^192\.0\.2\.1:7071 is not an address/, /--agent-listen/)
  await preflight(loadConfig({ state_dir: '/nowhere/state', cluster_address: '127.0.0.1' }, {}), running)
})

void test('kvm: the flag and the device, or not', () => {
  const flags = 'processor : 0\nflags\t\t: fpu vme vmx ssse3\n'
  assert.deepEqual(judgeKvm(flags, undefined, 'x64'), { usable: true })
  assert.equal(judgeKvm(flags, 'EACCES', 'x64').usable, false)
  assert.equal(judgeKvm('flags : fpu\nbugs : vmx_something svm\n', undefined, 'x64').usable, false)
  assert.equal(judgeKvm('Features : fp asimd', undefined, 'arm64').usable, true)
})

void test('libvirtd is kept from a KVM that does not work, and only then', () => {
  const argv = (kvm: boolean) =>
    libvirt({ config_dir: '/x', pool_dir: '/pool', systemd: false, kvm })
      .find(({ service }) => service.name === 'croft-libvirtd')
      ?.service.argv.join(' ') ?? ''
  // Not by a device, which root may write: libvirt would look at QEMU anew at each call.
  assert.equal(argv(false).includes('--over-for-reading /x/no-kvm:/dev/kvm'), existsSync('/dev/kvm'))
  assert(!argv(true).includes('/dev/kvm'))
})

void test('where to connect to what listens on every address', () => {
  assert.deepEqual(['0.0.0.0', '::', '10.0.0.1'].map(connectable), ['127.0.0.1', '::1', '10.0.0.1'])
})

void test('a unit takes words literally, whatever is in them', () => {
  assert.equal(quoteWord('a "b" \\ 50% \n'), '"a \\"b\\" \\\\ 50%% \\n"')
  const text = unitText(service({ name: 'x', description: 'd', argv: ['/bin/echo', '$HOME %n "q"'] }))
  assert(text.includes('ExecStart="/bin/echo" "$$HOME %%n \\"q\\""\n'), text)
})

void test('units: the agent ends before guests do at a shutdown, never with them; folders come back after a boot', async () => {
  const agent = unitText(agentService(config).service, { run_dir: '/run/croft' })
  assert.match(agent, /^After=.*libvirtd\.service.*libvirt-guests\.service/m)
  assert.match(agent, /^KillMode=process$/m)
  assert.match(agent, /^RuntimeDirectory=croft\nRuntimeDirectoryMode=0711\nRuntimeDirectoryPreserve=yes$/m)
  const { service } = await controllerService(config)
  const controller = unitText(service, { run_dir: '/srv/own/run', writes: ['/srv/own/run'] })
  assert.match(controller, /^ReadWritePaths="-\/srv\/own\/run"$/m)
  assert.ok(!controller.includes('RuntimeDirectory'))
})

void test('down leaves what the machine may need otherwise where systemd runs it', () => {
  const shared = ['croft-ovsdb', 'croft-ovs-vswitchd', 'croft-virtlogd', 'croft-virtlockd', 'croft-libvirtd']
  assert.deepEqual([...staysUnderSystemd(config, 'stop')].sort(), shared.sort())
  assert(staysUnderSystemd(config, 'keep').has('croft-ovn-controller'))
  for (const name of ['croft-agent', 'croft-controller', 'croft-postgres', 'croft-ovn-nb'])
    assert(!staysUnderSystemd(config, 'keep').has(name))
})

void test('systemd accepts the units', {
  skip: spawnSync('systemd-analyze', ['--version']).error ? 'no systemd-analyze here' : false,
}, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'croft-units-'))
  try {
    const definitions = [
      postgresService(config),
      await controllerService(config),
      watchdogService(config),
      agentService(config),
      ...ovnCentral(),
    ]
    const files = definitions.map(({ service }) => {
      const file = path.join(folder, `${service.name}.service`)
      const writes = service.name === 'croft-agent' ? {} : { writes: ['/var/lib/croft', '/run/croft'] }
      writeFileSync(file, unitText(service, writes))
      return file
    })
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' })
    // It also speaks of the machine's other units; ours must not be named.
    assert.deepEqual(
      stderr.split('\n').filter(line => line.includes(folder)),
      [],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
