/** The southbound database as the controller opens it to other hosts: who has the cloud's certificate gets in, nobody else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { signAgent } from '../../../src/controller/app/authority.ts'
import { keepDoor } from '../../../src/controller/reconcilers/southbound.ts'
import type { EventRow } from '../../../src/controller/store/event.ts'
import { ovnCentral } from '../../../src/host/services/ovn-central.ts'
import { connectOvsdb, type OvsdbClient, operations, type TlsOptions } from '../../../src/lib/ovsdb/index.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { killChild, type OvsdbServer, run, startChild, startOvsdbServer } from '../../support/ovsdb-server.ts'
import { freePort } from '../../support/free-port.ts'

const database = 'OVN_Southbound'
const monitor = {
  SB_Global: ['ssl', 'connections'],
  SSL: 'all',
  Connection: ['target'],
  Chassis: ['name'],
  Chassis_Private: ['name'],
} as const
let cloud: TestCloud
let folder: string
let server: OvsdbServer
let local: OvsdbClient
let port = 0
let agent: TlsOptions

before(async () => {
  cloud = await testCloud()
  folder = await mkdtemp(join(tmpdir(), 'croft-southbound-'))
  const argv = ovnCentral().find(({ service }) => service.name === 'croft-ovn-sb')?.service.argv ?? []
  const listeners = argv.filter(word => /^--(remote|private-key|certificate|ca-cert)=db:/.test(word))
  assert.equal(listeners.length, 4)
  server = await startOvsdbServer('/usr/share/ovn/ovn-sb.ovsschema', listeners)
  local = await connectOvsdb({ remotes: [server.remote], database, monitor, backoff_min_ms: 10 })
  port = await freePort()
  agent = await certificate('host-1')
})
after(async () => {
  local?.close()
  await server?.[Symbol.asyncDispose]()
  await cloud?.close()
  if (folder) await rm(folder, { recursive: true })
})

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

async function certificate(name: string): Promise<TlsOptions> {
  const [key, request] = [join(folder, `${name}.key`), join(folder, `${name}.csr`)]
  await run('openssl', ['req', '-new', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', request])
  const signed = await signAgent(cloud.cloud, await readFile(request, 'utf8'), name)
  return { key: await readFile(key, 'utf8'), cert: signed.certificate_pem, ca: signed.ca_pem }
}

/** Runs the controller's pass until the database has what it wrote, then ends it as the controller's end would. */
async function open(remote: string): Promise<void> {
  const stop = new AbortController()
  const changed = once(local, 'change')
  const pass = keepDoor(cloud.cloud, { local: server.remote, remote, folder: join(folder, 'ovn') }, stop.signal)
  await Promise.race([changed, pass])
  stop.abort()
  await pass.catch((): void => undefined)
}

/** The serial number of the certificate with which the server answers; null when it does not let this client in. */
async function answered(options: tls.ConnectionOptions | null): Promise<string | null> {
  const socket = options
    ? tls.connect({ host: '127.0.0.1', port, checkServerIdentity: () => undefined, ...options })
    : net.connect({ host: '127.0.0.1', port })
  const { promise, resolve } = Promise.withResolvers<string | null>()
  socket.once('data', () => resolve(socket instanceof tls.TLSSocket ? socket.getPeerCertificate().serialNumber : ''))
  socket.once('error', () => resolve(null))
  socket.once('close', () => resolve(null))
  socket.write('{"method":"echo","params":[],"id":1}')
  return await promise.finally(() => socket.destroy())
}

test('an agent gets in; plain TCP, no certificate and another authority’s do not', async () => {
  await open(`ssl:127.0.0.1:${port}`)
  assert(await answered(agent))
  assert.equal(await answered(null), null)
  assert.equal(await answered({ ca: agent.ca }), null)
  const [key, cert] = [join(folder, 'other.key'), join(folder, 'other.crt')]
  await run('openssl', ['req', '-x509', ...newKey, '-subj', '/CN=host-1', '-keyout', key, '-out', cert])
  assert.equal(await answered({ ca: agent.ca, key: await readFile(key), cert: await readFile(cert) }), null)
  for (const file of ['key.pem', 'certificate.pem', 'ca.pem']) {
    assert.equal((await stat(join(folder, 'ovn', file))).mode & 0o777, 0o600)
  }
})

test('set again it has a new certificate, one way in, and keeps who is connected', async () => {
  const before = await answered(agent)
  const host = await connectOvsdb({ remotes: [`ssl:127.0.0.1:${port}`], database, monitor, tls: agent })
  const lost: Error[] = []
  host.on('disconnected', reason => lost.push(reason))
  const told = once(host, 'change')
  await open(`ssl:127.0.0.1:${port}`)
  await told
  const serial = await answered(agent)
  assert(serial)
  assert.notEqual(serial, before)
  const targets = [...local.replica.table('Connection').values()].map(row => row.target)
  assert.deepEqual(targets, [`pssl:${port}:127.0.0.1`])
  assert.equal(local.replica.table('SB_Global').size, 1)
  assert.deepEqual(lost, [])
  host.close()
})

test('a host may write of itself, and nothing of others nor of what the controller decides', async () => {
  await open(`ssl:127.0.0.1:${port}`)
  await using nb = await startOvsdbServer('/usr/share/ovn/ovn-nb.ovsschema')
  const northbound = await connectOvsdb({ remotes: [nb.remote], database: 'OVN_Northbound', backoff_min_ms: 10 })
  await northbound.transact([operations.insert('NB_Global', {})])
  northbound.close()
  // It is ovn-northd that says what the role of a host may do.
  const northd = startChild(
    'ovn-northd',
    [`--ovnnb-db=${nb.remote}`, `--ovnsb-db=${server.remote}`, '-vconsole:off'],
    folder,
  )
  const host = await connectOvsdb({ remotes: [`ssl:127.0.0.1:${port}`], database, monitor, tls: agent })
  try {
    const own = (name: string, ip: string) =>
      host.transact([
        operations.insert('Encap', { type: 'geneve', ip, chassis_name: name }, 'encap'),
        operations.insert('Chassis', { name, hostname: name, encaps: 'encap' }),
      ])
    await eventually(() => own('host-1', '192.0.2.10'))
    await assert.rejects(own('host-2', '192.0.2.11'), /RBAC rules for client "host-1" role "ovn-controller"/)
    await addChassis('host-3', '192.0.2.12')
    const others = [['name', '==', 'host-3']] as const
    await assert.rejects(host.transact([operations.update('Chassis', [...others], { hostname: 'mine' })]), /RBAC rules/)
    await assert.rejects(host.transact([operations.delete('Chassis', [...others])]), /RBAC rules/)
    await assert.rejects(host.transact([operations.insert('Address_Set', { name: 'mine' })]), /RBAC rules/)
    await assert.rejects(host.transact([operations.update('SB_Global', [], { connections: [] })]), /RBAC rules/)
    await host.transact([
      operations.update('Chassis', [['name', '==', 'host-1']], { external_ids: new Map([['a', 'b']]) }),
    ])
    const renamed = host.transact([operations.update('Chassis', [['name', '==', 'host-1']], { hostname: 'other' })])
    await assert.rejects(renamed, /RBAC rules/, 'agent/drivers/ovs/chassis.ts relies on being alone with that')
    await host.transact([operations.delete('Chassis', [['name', '==', 'host-1']])])
    await local.transact([operations.delete('Chassis', [...others]), operations.delete('Chassis_Private', [...others])])
  } finally {
    host.close()
    await killChild(northd)
  }
})

test('a cloud of one machine has no way in but the socket', async () => {
  await open(server.remote)
  assert.equal(await answered(agent), null)
  assert.equal(local.replica.table('Connection').size, 0)
})

/** A chassis as ovn-controller makes it. */
async function addChassis(name: string, ip: string): Promise<void> {
  await local.transact([
    operations.insert('Encap', { type: 'geneve', ip, chassis_name: name }, 'encap'),
    operations.insert('Chassis', { name, hostname: name, encaps: 'encap' }),
    operations.insert('Chassis_Private', { name }),
  ])
}

const chassis = () => [...local.replica.table('Chassis').values()].map(row => String(row.name)).sort()

test('a host that was removed leaves no chassis there: told some time after it has gone, or seen at the start', async () => {
  const { db } = cloud.cloud.database
  const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
  const [stays = '', goes = '', gone = ''] = await Promise.all(
    ['stays', 'goes', 'gone'].map(async name => {
      const id = crypto.randomUUID()
      const row = { id, name, cluster_id: cluster.id, machine_id: name, certificate_sha256: Buffer.from(name) }
      await db.insertInto('host').values(row).execute()
      return id
    }),
  )
  await addChassis('by-hand', '192.0.2.1')
  await addChassis(stays, '192.0.2.2')
  await addChassis(goes, '192.0.2.3')
  await addChassis(gone, '192.0.2.4')
  const { events } = cloud.cloud
  const { promise: removal, resolve: removed } = Promise.withResolvers<EventRow>()
  const unwatch = events.watch(rows =>
    rows.filter(row => row.noun === 'host' && row.kind === 'deleted').forEach(removed),
  )
  assert.equal((await cloud.request('DELETE', `/v1/hosts/${gone}`)).status, 204)
  const told = await removal
  unwatch()

  // Time stands still but for what is due at once; what is to be done later is done by hand.
  const later = new Set<{ callback(): void }>()
  const { clock } = cloud.cloud
  const after = (delay_ms: number, callback: () => void) => {
    if (delay_ms !== 60_000) return clock.after(delay_ms, callback)
    const one = { callback }
    later.add(one)
    return { cancel: () => void later.delete(one) }
  }
  const stop = new AbortController()
  const door = { local: server.remote, remote: server.remote, folder: join(folder, 'ovn') }
  const standing = Object.assign(Object.create(clock) as typeof clock, { after })
  // Whoever begins to watch is told of a removal at that very moment: it does not put off the look at the start.
  const watch: typeof events.watch = watcher => {
    watcher([told])
    return events.watch(watcher)
  }
  const telling = Object.assign(Object.create(events) as typeof events, { watch })
  const pass = keepDoor({ ...cloud.cloud, clock: standing, events: telling }, door, stop.signal)
  await eventually(() => assert.deepEqual(chassis(), [goes, stays, 'by-hand'].sort()))
  // Once more, for who was removed just before: its ovn-controller may have come back since.
  await eventually(() => assert.equal(later.size, 1))
  const [first] = later
  await addChassis(gone, '192.0.2.4')
  // What it looks at is a copy that follows.
  await eventually(() => {
    first?.callback()
    assert.deepEqual(chassis(), [goes, stays, 'by-hand'].sort())
  })

  assert.equal((await cloud.request('DELETE', `/v1/hosts/${goes}`)).status, 204)
  const second = await eventually(() => {
    const [only] = later
    assert.ok(later.size === 1 && only !== first)
    return only
  })
  assert.deepEqual(chassis(), [goes, stays, 'by-hand'].sort(), 'its ovn-controller may still run')
  second?.callback()
  await eventually(() => assert.deepEqual(chassis(), [stays, 'by-hand'].sort()))
  assert.equal(local.replica.table('Chassis_Private').size, 2)
  stop.abort()
  await pass
})
