/**
 * A person at a playground: lines of standard input say what becomes of its hosts, machines come to it, and what the controller does
 * about hosts that are lost is told.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildLinkServer } from '../src/controller/agents/link-server.ts'
import { caFingerprint, serverCertificate } from '../src/controller/app/authority.ts'
import type { Cloud } from '../src/controller/cloud.ts'
import type { Machines } from './machines.ts'
import { Narrator } from './narrator.ts'
import type { Wires } from './network.ts'
import { Newcomers } from './newcomers.ts'
import { Switchboard } from './switchboard.ts'

export interface ByHandParts {
  cloud: Cloud
  machines: Machines
  wires: Wires
  /** For what machines keep. */
  folder: string
  shared_pool: boolean
  dialler: ReturnType<Wires['dialler']>
}

const tell = (line: string) => console.log(line)

/** Until it is to end. Without standard input it goes on all the same. */
export async function byHand({ cloud, machines, wires, folder, shared_pool, dialler }: ByHandParts): Promise<void> {
  const { hosts } = machines
  const link = await takeMachines(cloud)
  const newcomers = new Newcomers({
    ...link,
    folder: join(folder, 'machines'),
    hosts,
    wires,
    tell,
    run: ({ host_id: id, name }, machine) =>
      void machines.run({ ...machine, id, name, tunnel_address: machines.nextAddress() }, shared_pool, dialler),
  })
  const instancesOf = (name: string) => idsOf(cloud, name)
  const switchboard = new Switchboard({ hosts, wires, instancesOf, more: newcomers.commands })
  const narrator = new Narrator(cloud, tell)
  const stopWatching = cloud.events.watch(events => {
    for (const { noun, kind, resource_id } of events)
      if (noun === 'host' && kind === 'deleted') newcomers.removed(resource_id)
  })
  const lines = createInterface({ input: process.stdin })
  let last = Promise.resolve()
  lines.on('line', line => {
    last = last.then(async () => {
      const answer = await switchboard.do(line)
      if (answer !== '') tell(answer)
    })
  })
  await new Promise(resolve => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  lines.close()
  await last
  stopWatching()
  newcomers.close()
  await link.close()
  await narrator.close()
}

/** Where machines join, on loopback; their links are the simulation's own. */
async function takeMachines(cloud: Cloud) {
  const server = buildLinkServer(cloud, { tls: await serverCertificate(cloud, ['localhost', '127.0.0.1']) })
  const controller_url = await server.listen({ host: '127.0.0.1', port: 0 })
  // Invitations name it.
  cloud.self.agent_url = controller_url
  const ca_sha256 = Buffer.from(await caFingerprint(cloud), 'base64url')
  return { controller_url, ca_sha256, close: () => server.close() }
}

/** Of the instances that are called so, two of them at most. */
async function idsOf(cloud: Cloud, name: string): Promise<string[]> {
  const rows = await cloud.database.db
    .selectFrom('instance')
    .select('id')
    .where('deleted_at', 'is', null)
    .where(({ eb, or, cast }) => or([eb('name', '=', name), eb(cast<string>('id', 'text'), '=', name)]))
    .limit(2)
    .execute()
  return rows.map(row => row.id)
}
