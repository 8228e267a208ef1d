/**
 * Opens OVN's southbound database to other hosts, or closes it: mutual TLS under the cloud's own authority, by rows of the
 * database itself, which its server follows (ovn-sb(5), tables SB_Global, SSL and Connection). A host may write what is its own there. For the controller on the
 * database's machine; who else has a controller leaves it alone.
 * Not its job: who is in there for good (chassis.ts), the server (host/services/ovn-central.ts), nor how hosts present their certificates (agent/drivers/ovs).
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, OvsdbClient, operationsFor, type SchemaSource } from '../../lib/ovsdb/index.ts'
import { parseRemote } from '../../lib/ovsdb/remote.ts'
import { serverCertificate } from '../app/authority.ts'
import type { Cloud } from '../cloud.ts'
import { chassisTables, watchRemovals } from './chassis.ts'
import { Loop } from './loop.ts'

export interface SouthboundDoor {
  /** The database's own socket: 'unix:PATH'. */
  local: string
  /** How hosts are told to reach it. 'ssl:ADDRESS:PORT' opens that; anything else closes what was open. */
  remote: string
  /** Where the server finds its key and certificates; made when missing. */
  folder: string
}

type Parts = Pick<Cloud, 'clock' | 'log' | 'database' | 'sealer' | 'events'>

const again_ms = 5000
/** Long before the certificate ends, and before a timer's own limit. */
const renew_ms = 86_400_000
/** Hosts probe the server more often than this; a host without power is forgotten after two of these. */
const probe_ms = 60_000
/**
 * What ovn-northd lets an ovn-controller write that is named by its certificate: its own chassis, what its ports are bound to, what it has learned
 * (OVN's tutorial on role-based access control). A host's certificate has its id, which is also its chassis' name.
 */
const role = 'ovn-controller'

const string = { type: 'string' } as const
const southbound = {
  name: 'OVN_Southbound',
  tables: {
    ...chassisTables,
    SB_Global: {
      isRoot: true,
      maxRows: 1,
      columns: {
        connections: { type: { key: { type: 'uuid', refTable: 'Connection' }, min: 0, max: 'unlimited' } },
        ssl: { type: { key: { type: 'uuid', refTable: 'SSL' }, min: 0, max: 1 } },
      },
    },
    SSL: { maxRows: 1, columns: { private_key: string, certificate: string, ca_cert: string } },
    Connection: {
      indexes: [['target']],
      columns: { target: string, role: string, inactivity_probe: { type: { key: 'integer', min: 0, max: 1 } } },
    },
  },
} as const satisfies SchemaSource
export type Southbound = typeof southbound

const sb = operationsFor(southbound)

export function southboundLoop(cloud: Parts, door: SouthboundDoor): Loop {
  const { clock, log } = cloud
  const pass = (signal: AbortSignal) => keepDoor(cloud, door, signal)
  return new Loop({ name: 'the way to OVN’s southbound database', clock, log, every_ms: again_ms, pass })
}

/** Sets all up, then holds until it may have to be done again: the database was away, the certificate has aged. */
export async function keepDoor(cloud: Parts, door: SouthboundDoor, signal: AbortSignal): Promise<false> {
  const client = new OvsdbClient({ remotes: [door.local], database: southbound })
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  const timer = cloud.clock.after(renew_ms, end)
  const stop = () => {
    client.close()
    end()
  }
  signal.addEventListener('abort', stop, { once: true })
  let stopWatching = () => {}
  try {
    await client.ready()
    client.once('disconnected', () => end())
    await setDoor(cloud, door, client)
    stopWatching = watchRemovals(cloud, client)
    if (!signal.aborted) await over
  } finally {
    stopWatching()
    timer.cancel()
    signal.removeEventListener('abort', stop)
    client.close()
  }
  return false
}

async function setDoor(cloud: Parts, door: SouthboundDoor, database: Database<typeof southbound>): Promise<void> {
  const asked = parseRemote(door.remote)
  if (asked.kind !== 'ssl') {
    await database.transact([sb.update('SB_Global', [], { connections: [] })])
    return
  }
  const { host, port } = asked
  const target = `pssl:${port}:${host.includes(':') ? `[${host}]` : host}`
  // New rows each time: the old ones go with the last mention of them, and who is connected to the same target stays.
  const ways = { ssl: 'ssl', connections: ['way'] }
  await database.transact([
    sb.insert('SSL', await writeFiles(cloud, door.folder, host), 'ssl'),
    sb.insert('Connection', { target, role, inactivity_probe: probe_ms }, 'way'),
    // ovn-northd makes the row when it first starts, which may not have been yet.
    database.replica.table('SB_Global').size > 0 ? sb.update('SB_Global', [], ways) : sb.insert('SB_Global', ways),
  ])
  cloud.log.info({ target }, 'hosts reach the southbound database')
}

async function writeFiles(cloud: Parts, folder: string, name: string) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { key, cert, ca } = await serverCertificate(cloud, [name])
  const path = (file: string) => join(folder, file)
  // ovsdb-server reads key and certificate again when either has changed.
  for (const [file, text] of Object.entries({ 'ca.pem': ca, 'certificate.pem': cert, 'key.pem': key })) {
    await writeFile(path(`${file}.new`), text, { mode: 0o600 })
    await rename(path(`${file}.new`), path(file))
  }
  return { private_key: path('key.pem'), certificate: path('certificate.pem'), ca_cert: path('ca.pem') }
}
