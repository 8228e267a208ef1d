/**
 * `./croft up` and `down` on a bare machine: all daemons for real, without a first guest. Refusals before anything is
 * changed, kill -9 of everything, a power cut, and that it can be run again at any time.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { bootSysvinit, haveSysvinit } from './bed/services.ts'

let bed: Bed
let host: Host

before(async () => {
  bed = await createBed()
  host = await bed.addHost('alpha')
  await haveSysvinit(host)
})
after(() => bed.close())

const croft = (...args: string[]) => host.exec(['./croft', ...args], { timeout_ms: 150_000 })
const up = (...args: string[]) => croft('up', '--no-guest', ...args)

async function mustUp(): Promise<string> {
  const { code, stdout, stderr } = await up()
  assert.equal(code, 0, stderr)
  return stdout
}

type Service = { name: string; pid: number }

/** What the supervisor keeps of each service: its name and process. */
async function services(): Promise<Service[]> {
  const names = (await host.must(['ls', '/run/croft/services'])).trim().split('\n')
  const kept = await Promise.all(
    names.map(async name => JSON.parse(await host.must(['cat', `/run/croft/services/${name}`])) as unknown),
  )
  return (kept as { service: { name: string }; process: { pid: number } | null }[]).map(({ service, process }) => ({
    name: service.name,
    pid: process?.pid ?? 0,
  }))
}

const all = [
  'croft-agent',
  'croft-controller',
  'croft-libvirtd',
  'croft-ovn-controller',
  'croft-ovn-nb',
  'croft-ovn-northd',
  'croft-ovn-sb',
  'croft-ovs-vswitchd',
  'croft-ovsdb',
  'croft-postgres',
  'croft-virtlockd',
  'croft-virtlogd',
  'croft-watchdog',
]

const bare = ['ps', 'sh', 'sleep']
const programs = async () => (await host.must(['ps', '-eo', 'comm='])).trim().split('\n').sort()

/** Runs a script of one statement after another against Croft's own database. */
async function sql(statement: string): Promise<void> {
  const script = `
    import { Client } from 'pg'
    import { embeddedUrl } from './src/host/postgres.ts'
    const url = await embeddedUrl({ data_dir: '/var/lib/croft/postgres', socket_dir: '/run/croft/postgres' })
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query(${JSON.stringify(statement)})
    await client.end()`
  await host.must(['sh', 'scripts/node.sh', '--input-type=module', '-e', script])
}

void test('a dry run says what would be done, and does nothing', async () => {
  const { code, stdout } = await up('--dry-run')
  assert.equal(code, 0)
  for (const name of all) assert.match(stdout, new RegExp(`start ${name} with Croft's own supervisor`))
  assert.equal(await host.must(['ls', '/var/lib/croft']), '')
})

void test('start has nothing to start on a machine that is nothing yet, and says so', async () => {
  for (const options of [[], ['--keep-trying']]) {
    const { code, stderr } = await croft('start', ...options)
    assert.equal(code, 1)
    assert.match(stderr, /neither a controller nor a host yet/)
    assert.match(stderr, /croft up makes a cloud of it/)
  }
})

void test('a port in use is refused with its holder, before anything is changed', async () => {
  const serve = `require('net').createServer().listen(7070, '127.0.0.1', () => console.log('up'))`
  const holder = host.spawn(['sh', 'scripts/node.sh', '-e', serve])
  await holder.says(/up/)
  const { code, stderr } = await up()
  assert.equal(code, 1)
  assert.match(stderr, /127\.0\.0\.1:7070 is in use by node.* \(process \d+\); nothing was changed/)
  assert.match(stderr, /croft up --listen ADDRESS:PORT/)
  assert.equal(await host.must(['ls', '/var/lib/croft']), '')
  holder.kill()
  await holder.exit
})

void test('a database that is not there is refused, before anything is changed', async () => {
  const { code, stderr } = await up('--database', 'postgresql://u:secret@127.0.0.1:1/croft')
  assert.equal(code, 1)
  assert.match(stderr, /the database of --database does not let us in: .*ECONNREFUSED/)
  assert(!stderr.includes('secret'))
  assert.equal(await host.must(['ls', '/var/lib/croft']), '')
})

void test('up makes a cloud, shows the password once, and run again changes nothing', async () => {
  const first = await mustUp()
  assert.match(first, /web UI {4}http:\/\/127\.0\.0\.1:7070\/\n/)
  assert.match(first, /password {2}\S{20,}\n/)
  const before = await services()
  assert.deepEqual(before.map(({ name }) => name).sort(), all)
  const second = await mustUp()
  assert(!second.includes('password'), second)
  assert.deepEqual(await services(), before, 'no process was restarted')
  const listening = await host.must(['ss', '-Hltn'])
  assert.deepEqual(
    [...listening.matchAll(/(\S+):\d+\s+\S+:\*/g)]
      .map(([, address]) => address)
      .filter(address => address !== '127.0.0.1'),
    [],
    'nothing listens beyond loopback',
  )
  assert.equal((await host.exec(['ls', '/var/lib/croft/controller/first-password'])).code, 2, 'it was shown: gone')
})

void test('everything killed at once, supervisor included: up brings the same cloud back', async () => {
  const before = await services()
  const supervisor = (await host.must(['cat', '/run/croft/supervisor.pid'])).trim()
  await host.must(['kill', '-9', supervisor, ...before.map(({ pid }) => String(pid))])
  assert(!(await mustUp()).includes('password'))
  const again = await services()
  assert.deepEqual(again.map(({ name }) => name).sort(), all)
  for (const { name, pid } of again) assert(!before.some(old => old.name === name && old.pid === pid), name)
})

void test('a power cut: up brings the same cloud back', async () => {
  await host.powerCut()
  await host.powerOn()
  assert(!(await mustUp()).includes('password'))
})

void test('a power cut: the boot brings the same cloud back, and a shutdown ends it in good order', async () => {
  await host.powerCut()
  await host.powerOn()
  const log = host.spawn(['tail', '--retry', '-F', '-n', '0', '/var/log/croft/start.log'])
  await bootSysvinit(host)
  await log.says(/Controller +\d/, 120_000)
  log.kill()
  assert.deepEqual((await services()).map(({ name }) => name).sort(), all)
  const before = await services()
  assert.equal((await croft('start')).code, 0)
  assert.deepEqual(await services(), before, 'all ran already')
  await host.must(['/etc/rc0.d/K01croft', 'stop'])
  assert.deepEqual(await programs(), bare)
  assert.match((await croft('start')).stdout, /The controller runs, and the host alpha/)
})

void test('down stops all of it, twice is no error, and up starts it again', async () => {
  assert.match((await croft('down')).stdout, /The cloud is down/)
  assert.deepEqual(await programs(), bare, "only the host's own process 1")
  assert.equal((await host.exec(['ls', '/etc/init.d/croft'])).code, 2, 'the next boot does not start it')
  assert.match((await croft('down')).stdout, /Nothing was running/)
  assert(!(await mustUp()).includes('password'))
})

void test('a database written by a newer Croft is refused in plain words, and left alone', async () => {
  await sql(`insert into kysely_migration values ('9999-from-the-future', now()::text)`)
  await croft('down')
  const { code, stderr } = await up()
  assert.equal(code, 1)
  assert.match(stderr, /The database was written by a newer Croft/)
  assert.doesNotMatch(stderr, /"level":|at .*\.ts:/, 'no JSON and no stack for people')
})

void test('the doctor tells what it found, also as JSON', async () => {
  const { stdout } = await croft('doctor', '--json')
  const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string }[] }
  assert(findings.some(({ check, level }) => check === 'packages' && level === 'ok'))
  assert.equal(existsSync('/var/lib/croft'), false, 'the machine itself was not touched')
  assert.match(await readFile(host.path('/var/log/croft/croft-postgres.log'), 'utf8'), /database system is ready/)
})
