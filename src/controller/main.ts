/** A controller as a process: reads its options, opens its sockets, and stops cleanly when told. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import pino from 'pino'
import { realClock } from '../lib/clock.ts'
import { isLoopback } from '../model/loopback.ts'
import { openSealer } from '../lib/sealer.ts'
import { version } from '../model/version.ts'
import { buildLinkServer } from './agents/link-server.ts'
import { serverCertificate } from './app/authority.ts'
import type { Cloud } from './cloud.ts'
import { startController } from './controller.ts'
import { serveConsoles } from './http/console-socket.ts'
import { handlers } from './http/index.ts'
import { buildServer } from './http/server.ts'
import { SameController } from './reconcilers/controllers.ts'
import { networkLoops } from './reconcilers/ovn.ts'
import { southboundLoop } from './reconcilers/southbound.ts'
import { openDatabase } from './store/database.ts'
import { DatabaseTooNew } from './store/migrate.ts'

const { values: options } = parseArgs({
  options: {
    /** PostgreSQL URL. */
    database: { type: 'string' },
    /** Folder of the sealing key and the image store. */
    state: { type: 'string', default: '/var/lib/croft/controller' },
    /** Where the API listens; plain HTTP on loopback, else TLS. */
    listen: { type: 'string', default: '127.0.0.1:7070' },
    /** Where agents dial in; always TLS with Croft's own CA. */
    'agent-listen': { type: 'string', default: '127.0.0.1:7071' },
    /** URL under which agents reach this controller, when it differs from what it listens on. */
    'agent-url': { type: 'string' },
    /** A given certificate and key, PEM files, in place of one by Croft's CA. */
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    /** OVSDB remotes of OVN: northbound for this controller, southbound as hosts reach it. */
    'ovn-nb': { type: 'string' },
    'ovn-sb': { type: 'string', default: '' },
    /** Where the southbound database is on this machine, to open it to hosts as --ovn-sb says; without it others do. */
    'ovn-sb-local': { type: 'string' },
    /** Physical networks as NAME=BRIDGE, repeated. */
    'physical-network': { type: 'string', multiple: true, default: [] },
    /** The external bridge's own address on hosts that are the way outside, CIDR. */
    'external-gateway': { type: 'string' },
    /** Names and addresses that the API's certificate is to carry beside those it listens on. */
    'tls-name': { type: 'string', multiple: true, default: [] },
    /** Folder of the built web UI. */
    ui: { type: 'string', default: join(import.meta.dirname, '../../dist/ui') },
    /** Folder of the web UI's plug-ins; made if it is missing. */
    plugins: { type: 'string' },
    'log-level': { type: 'string', default: 'info' },
  },
})

const log = pino({ level: options['log-level'] }, pino.destination(2))

function splitAddress(text: string): { host: string; port: number } {
  const match = /^(\[[0-9a-f:.]+\]|[^:]+):(\d{1,5})$/i.exec(text)
  if (!match?.[1] || !match[2] || Number(match[2]) > 65_535) {
    throw new Error(`'${text}' is not ADDRESS:PORT, such as 127.0.0.1:7070 or [::1]:7070`)
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2]) }
}

/** The same id after a restart, so that its own old lease does not stand in its way. */
async function ownId(state: string): Promise<string> {
  const path = join(state, 'controller-id')
  await mkdir(state, { recursive: true, mode: 0o700 })
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    const id = crypto.randomUUID()
    await writeFile(path, `${id}\n`, { mode: 0o600 })
    return id
  }
}

/** EX_CONFIG of sysexits.h: a supervisor need not try this again. */
const wrong_setup = 78

async function main(): Promise<void> {
  if (!options.database) throw new Error('--database is missing: the URL of a PostgreSQL, 15 or newer')
  const api = splitAddress(options.listen)
  const agents = splitAddress(options['agent-listen'])
  const agent_url = options['agent-url'] ?? `https://${options['agent-listen']}`
  const images = join(options.state, 'images')
  await mkdir(join(images, 'incoming'), { recursive: true, mode: 0o700 })
  const plugins_folder = await pluginsFolder()
  const physical_networks = Object.fromEntries(options['physical-network'].map(pair => pair.split('=', 2)))
  const { 'ovn-nb': northbound, 'ovn-sb-local': local } = options
  const running = await startController({
    self: { id: await ownId(options.state), name: hostname(), version, agent_url },
    database: openDatabase({
      url: options.database,
      onError: error => log.warn({ err: error }, 'the database connection failed'),
    }),
    clock: realClock,
    random: { bytes: count => randomBytes(count) },
    log,
    plugins_folder,
    scheduler_folder: join(options.state, 'scheduler'),
    sealer: await openSealer(join(options.state, 'seal.key')),
    images: { folder: images },
    wanted_of_hosts: {
      ovn_southbound: options['ovn-sb'],
      physical_networks,
      external_gateway: options['external-gateway'] ?? null,
    },
    loops: cloud => [
      ...(northbound ? networkLoops(cloud, northbound) : []),
      ...(local
        ? [southboundLoop(cloud, { local, remote: options['ovn-sb'], folder: join(options.state, 'ovn') })]
        : []),
    ],
  })
  // Before anything listens: whoever waits for that looks for these files then.
  if (running.admin_password !== null) {
    await writeFile(join(options.state, 'first-password'), `${running.admin_password}\n`, { mode: 0o600 })
  }
  const { cloud } = running
  const names = [...new Set([api.host, agents.host, new URL(agent_url).hostname, hostname(), 'localhost', '127.0.0.1'])]
  const own = await serverCertificate(
    cloud,
    [...names, ...options['tls-name']].filter(name => name !== '0.0.0.0' && name !== '::'),
  )
  await writeFile(join(options.state, 'ca.pem'), own.ca)
  const tls = isLoopback(api.host) ? null : await apiCertificate(own)
  const server = await buildServer(cloud, handlers, {
    ui: { folder: options.ui, ...(tls?.cert === own.cert && { ca_pem: own.ca }) },
    ...(tls && { tls }),
  })
  const endConsoles = serveConsoles(cloud, server.server)
  const link = buildLinkServer(cloud, { tls: own })
  await server.listen({ host: api.host, port: api.port })
  // All hosts dial at once when the controller before was lost; the kernel keeps as many as net.core.somaxconn lets it (listen(2)).
  await link.listen({ host: agents.host, port: agents.port, backlog: 65_535 })
  followLinks(cloud)
  log.info({ api: options.listen, agents: agent_url }, 'the controller is ready')
  process.send?.('ready')
  const stop = async () => {
    log.info('the controller stops')
    endConsoles()
    await Promise.all([server.close(), link.close()])
    await running.close()
  }
  void running.doubled.then(async error => {
    log.fatal({ err: error }, error.message)
    await stop().catch((problem: unknown) => log.error({ err: problem }, 'the controller could not stop cleanly'))
    process.exit(wrong_setup)
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stop().catch(error => {
        log.error({ err: error }, 'the controller could not stop cleanly')
        process.exitCode = 1
      })
    })
  }
}

/** With so many links something always happens. */
const links_many = 300
const look_again_ms = 30_000

/**
 * While little is allocated V8 collects its whole heap every few seconds, to give memory back: good for a small cloud, and with thousands of
 * links a fifth of what an idle controller computes.
 */
function followLinks(cloud: Cloud): void {
  setFlagsFromString(cloud.agents.count >= links_many ? '--no-memory-reducer' : '--memory-reducer')
  cloud.clock.after(look_again_ms, () => followLinks(cloud))
}

/** There to be found by who wants to put one in; a place that cannot be made is told by the list of plug-ins. */
async function pluginsFolder(): Promise<string> {
  const folder = options.plugins ?? join(options.state, 'plugins')
  await mkdir(folder, { recursive: true, mode: 0o755 }).catch((error: unknown) =>
    log.warn({ err: error, folder }, 'the folder of plug-ins cannot be made'),
  )
  return folder
}

async function apiCertificate(own: { key: string; cert: string }): Promise<{ key: string; cert: string }> {
  const { 'tls-cert': cert, 'tls-key': key } = options
  if (!cert !== !key) throw new Error('--tls-cert and --tls-key go together')
  return cert && key ? { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') } : own
}

main().catch(error => {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'the controller could not start')
  process.exitCode = error instanceof DatabaseTooNew || error instanceof SameController ? wrong_setup : 1
  process.exit()
})
