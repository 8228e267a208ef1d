/** The OVSDB client over TCP and TLS, and on a clustered database: leaders, failover, resuming where it left off. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { type Change, connectOvsdb, type OvsdbClient, operations as op } from '../../../src/lib/ovsdb/index.ts'
import { type OvsdbServer, openVswitchSchema, run, serveFile, startOvsdbServer } from '../../support/ovsdb-server.ts'
import { freePort } from '../../support/free-port.ts'

const database = 'Open_vSwitch'
const quick = { backoff_min_ms: 10, backoff_max_ms: 100 }

void test('TCP and TLS with certificates on both sides; a server of another authority is refused', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'croft-tls-'))
  const make = async (name: string) => {
    const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)]
    const subject = ['-subj', `/CN=${name}`, '-days', '2', '-keyout', key, '-out', cert]
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject])
    return { key, cert, pem: { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') } }
  }
  const [ours, theirs] = [await make('ours'), await make('theirs')]
  const [plain, secure] = [await freePort(), await freePort()]
  const tls = [`--private-key=${ours.key}`, `--certificate=${ours.cert}`, `--ca-cert=${ours.cert}`]
  await using _server = await startOvsdbServer(openVswitchSchema, [
    `--remote=ptcp:${plain}:127.0.0.1`,
    `--remote=pssl:${secure}:127.0.0.1`,
    ...tls,
  ])
  try {
    const ssl = { database, monitor: 'none', ...quick } as const
    const options = { ...ssl, tls: { ...ours.pem, ca: ours.pem.cert } }
    for (const remote of [`tcp:127.0.0.1:${plain}`, `ssl:127.0.0.1:${secure}`]) {
      const client = await connectOvsdb({ ...options, remotes: [remote] })
      await client.transact([op.comment('hello')])
      client.close()
    }
    const remotes = [`ssl:127.0.0.1:${secure}`]
    const other = { ...ssl, remotes, connect_timeout_ms: 500 }
    await assert.rejects(
      connectOvsdb({ ...other, tls: { ...ours.pem, ca: theirs.pem.cert } }),
      /self-signed|certificate/,
    )
    await assert.rejects(connectOvsdb({ ...other, tls: { ...theirs.pem, ca: ours.pem.cert } }), /no connection within/)
    await assert.rejects(connectOvsdb(other), /needs a key, a certificate/)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

async function startCluster(directory: string): Promise<OvsdbServer[]> {
  const file = (i: number) => join(directory, `db${i}`)
  const raft = (i: number) => `unix:${join(directory, `raft${i}`)}`
  await run('ovsdb-tool', ['create-cluster', file(1), openVswitchSchema, raft(1)])
  for (const i of [2, 3]) await run('ovsdb-tool', ['join-cluster', file(i), database, raft(i), raft(1)])
  return [1, 2, 3].map(i => serveFile(directory, file(i), `sock${i}`))
}

void test('on a cluster: only the leader, the next one after its death, and of the contents only what changed meanwhile', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'croft-raft-'))
  const servers = await startCluster(directory)
  const remotes = servers.map(server => server.remote)
  const monitor = { Open_vSwitch: 'all', Bridge: ['name'] } as const
  const common = { database, monitor, ...quick, connect_timeout_ms: 20_000 }
  const clients: OvsdbClient[] = []
  try {
    // All members must have joined before the first dies.
    for (const remote of remotes) clients.push(await connectOvsdb({ ...common, remotes: [remote] }))
    const client = await connectOvsdb({ ...common, remotes, leader_only: true })
    clients.push(client)
    await client.transact([op.insert('Open_vSwitch', { bridges: ['b'] }), op.insert('Bridge', { name: 'kept' }, 'b')])
    const changes: Change[] = []
    client.on('change', each => changes.push(...each))
    const found = once(client, 'connected')
    const first = servers[0]
    assert(first)
    await first.kill()
    assert.notEqual((await found)[0], first.remote)
    await client.transact([op.update('Open_vSwitch', [], { external_ids: { after: 'failover' } })])
    assert.deepEqual(
      new Set(changes.map(change => change.table)),
      new Set(['Open_vSwitch']),
      'what was known is no change',
    )
    assert.equal(client.replica.find('Bridge', { name: 'kept' })?.name, 'kept')
  } finally {
    for (const client of clients) client.close()
    for (const server of servers) await server.kill()
    await rm(directory, { recursive: true, force: true })
  }
})
