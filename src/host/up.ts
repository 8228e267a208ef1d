/**
 * From a machine to a cloud: brings packages, database, networks' daemons, controller, host and a first guest up, in this
 * order. Every step looks first and does only what is missing, so that running it again is harmless and mends.
 * Not its job: how daemons are kept running (supervisor.ts, systemd.ts), nor talking to people (cli/commands/up.ts).
 */
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { readIdentity } from '../agent/identity.ts'
import { joinHost } from '../agent/join.ts'
import { JoinFailed } from '../agent/join-request.ts'
import { machineId } from '../agent/machine-id.ts'
import { hostRoutes } from '../api/host.ts'
import { sessionRoutes } from '../api/session.ts'
import { type Config, type ConfigFile, joinAddress } from '../config.ts'
import { bootStart, bootWay, startAtBoot } from './boot.ts'
import type { Client } from '../sdk/node-client.ts'
import { Crashing, unlessCrashing } from './crashes.ts'
import { HostError } from './error.ts'
import { type LocalAdmin, localAdmin, localPlace } from './local-admin.ts'
import { hostServices, serviceManager } from './manager.ts'
import { installCommand, missingPackages, packagesFor, type Role, systemdRuns } from './packages.ts'
import type { ServiceManager } from './service.ts'
import { agentService, agentState } from './services/agent.ts'
import { connectable, controllerService } from './services/controller.ts'
import type { Definition } from './services/definition.ts'
import { ovnCentral } from './services/ovn-central.ts'
import { ovnController } from './services/ovn-controller.ts'
import { watchdogService } from './services/watchdog.ts'
import { postgresService } from './services/postgres.ts'
import { keepSettings } from './settings.ts'
import { bringPackages, startAll } from './start.ts'
import { buildUi } from './up/ui.ts'
import type { Step } from './step.ts'
import { until } from './until.ts'
import {
  ensureGuest,
  ensureKey,
  ensureKeyPair,
  ensureNetworks,
  findKeyPair,
  findNetwork,
  type FirstGuest,
  wakeGuest,
} from './up/first-cloud.ts'
import { firstThings } from './up/first-things.ts'
import { ensureTinyImage, findTinyImage } from './up/image.ts'
import { preflight } from './up/preflight.ts'

export type UpOptions = {
  config: Config
  /** What was said on the command line and is to hold the next time, too. */
  said: ConfigFile
  /** Make the first guest, and what it needs. */
  guest: boolean
}

export type UpResult = {
  url: string
  /** Only when the cloud is new. */
  password: string | undefined
  guest: FirstGuest | undefined
  key_file: string | undefined
  manager: ServiceManager['kind']
  /** A further controller of a cloud, and nothing else. */
  further: boolean
}

/** What `up` would do to this machine, in words; changes nothing. */
export async function planUp({ config, guest }: Pick<UpOptions, 'config' | 'guest'>): Promise<string[]> {
  const systemd = systemdRuns()
  const manager = serviceManager(config)
  const running = new Set((await manager.status()).filter(({ state }) => state === 'running').map(({ name }) => name))
  await preflight(config, await manager.status())
  const further = config.ovn_central !== undefined
  const missing = await missingPackages(packagesFor(rolesOf(config), systemd, process.arch))
  const lines = missing.map(({ name, why }) => `install the Debian package ${name}: ${why}`)
  if (missing.length > 0) lines.push(`  (${installCommand(missing).join(' ')})`)
  lines.push(`keep state in ${config.state_dir}, sockets in ${config.run_dir}, logs in ${config.log_dir}`)
  const definitions = [
    ...(config.database_url === undefined ? [postgresService(config)] : []),
    ...(further ? [] : [...ovnCentral(), ...hostServices(config)]),
  ]
  const by = systemd ? 'systemd' : "Croft's own supervisor"
  const starts = (name: string, description: string) =>
    lines.push(running.has(name) ? `${name} runs already` : `start ${name} with ${by}: ${description}`)
  for (const { service } of definitions) starts(service.name, service.description)
  starts(
    'croft-controller',
    `API and UI on ${joinAddress(config.listen)}, agents on ${joinAddress(config.agent_listen)}`,
  )
  if (!further) lines.push('join this machine to the cloud as a host')
  for (const { service } of further ? [] : [watchdogService(config), agentService(config), ovnController()])
    starts(service.name, service.description)
  if (!systemd) lines.push(`at a boot: ${bootStart(config).command}  (${bootWay()?.file ?? 'to be arranged by you'})`)
  if (guest && !further) lines.push(`make networks (${config.external_gateway}), an image and a first guest`)
  return lines
}

const rolesOf = ({ ovn_central }: Config): Role[] =>
  ovn_central === undefined ? ['controller', 'host', 'image'] : ['controller']

/** Throws HostError; what was done until then stays, and the next run goes on from there. */
export async function up(options: UpOptions, step: Step): Promise<UpResult> {
  const { config } = options
  if (process.geteuid?.() !== 0)
    throw new HostError('croft up prepares the whole machine and must be run by root', 'sudo ./croft up')
  const manager = serviceManager(config)
  await step('This machine', async () => await preflight(config, await manager.status()))
  await step(
    'Packages',
    show => bringPackages(rolesOf(config), show),
    count => (count === 0 ? 'all there' : `${count} installed`),
  )
  await keepSettings(config, options.said)
  const start = (title: string, definitions: readonly Definition[]) =>
    step(title, show => startAll(manager, definitions, show))
  if (config.database_url === undefined) await start('PostgreSQL', [postgresService(config)])
  const further = config.ovn_central !== undefined
  if (!further) await start('Networks (OVN)', ovnCentral())
  if (!further) await start('Host (Open vSwitch, libvirt)', hostServices(config))
  await step('Web UI', buildUi, said => said)
  await start('Controller', [await controllerService(config)])
  const startsAtBoot = () =>
    step(
      'Start at boot',
      () => startAtBoot(config),
      how => how,
    )
  const { url } = await localPlace(config)
  const reached = { url, manager: manager.kind, further, password: undefined, guest: undefined, key_file: undefined }
  if (further) {
    await startsAtBoot()
    return reached
  }
  const admin = await localAdmin(config)
  await step(
    'Join as a host',
    () => joinThisHost(config, admin),
    said => said,
  )
  if (admin.place.token !== undefined) await markWayOutside(admin.client, config)
  await start('Agent', [watchdogService(config), agentService(config), ovnController()])
  await startsAtBoot()
  const result = { ...reached, password: admin.first_password }
  if (admin.place.token === undefined) return result
  const { client } = admin
  await step('Host is up', () => waitHostUp(client, config, manager))
  if (!options.guest) return result
  return { ...result, ...(await firstGuest(client, options, step)) }
}

/** In words what was done. */
async function joinThisHost(config: Config, admin: LocalAdmin): Promise<string> {
  const state_dir = agentState(config)
  const identity = await readIdentity(state_dir)
  if (identity !== null && (admin.place.token === undefined || (await isKnown(admin, identity.host_id))))
    return `${identity.name} has joined`
  if (admin.place.token === undefined)
    throw new HostError(
      'this machine has not joined the cloud, and there is no key here to invite it with (its database is from elsewhere)',
      'Make a token where you are signed in (croft host invite), then here: croft host join URL TOKEN',
    )
  const replaces_host_id = await hostOfThisMachine(admin)
  const body = replaces_host_id === undefined ? {} : { replaces_host_id }
  const { token } = await admin.client.call(hostRoutes.invite, { body })
  const { host, port } = config.agent_listen
  const controller_url = `https://${joinAddress({ host: connectable(host), port })}`
  await mkdir(state_dir, { recursive: true, mode: 0o711 })
  const joined = await joinHost({ controller_url, token, state_dir, name: hostname() }).catch((error: unknown) => {
    throw error instanceof JoinFailed ? new HostError(error.message, undefined, { cause: error }) : error
  })
  return `joined as ${joined.name}`
}

/** The host that this machine was before its state was lost: root here says that it is to be it again. */
async function hostOfThisMachine(admin: LocalAdmin): Promise<string | undefined> {
  const machine_id = await machineId()
  for await (const host of admin.client.pages(hostRoutes.list)) if (host.machine_id === machine_id) return host.id
  return undefined
}

async function isKnown(admin: LocalAdmin, host_id: string): Promise<boolean> {
  for await (const { id } of admin.client.pages(hostRoutes.list)) if (id === host_id) return true
  return false
}

/** Floating addresses are on this machine's own network, so that it alone is the way outside, until told otherwise. */
async function markWayOutside(client: Client, config: Config): Promise<void> {
  const params = await thisHost(config)
  const { labels } = await client.call(hostRoutes.get, { params })
  if (labels.gateway !== undefined) return
  await client.call(hostRoutes.update, { params, body: { labels: { ...labels, gateway: 'true' } } })
}

/** As routes of one host take it. This machine must have joined. */
async function thisHost(config: Config): Promise<{ host: string }> {
  const identity = await readIdentity(agentState(config))
  if (identity === null) throw new HostError('this machine has not joined the cloud')
  return { host: identity.host_id }
}

const up_within_ms = 60_000

async function waitHostUp(client: Client, config: Config, manager: ServiceManager): Promise<void> {
  const params = await thisHost(config)
  const { name } = agentService(config).service
  const isUp = async () => {
    const { state, other_hardware, name: host } = await client.call(hostRoutes.get, { params })
    if (state !== 'up' && other_hardware) {
      throw new HostError(
        `the agent starts nothing: this machine (${other_hardware.hardware}) is not the one that joined as ${host}`,
        `If its board was exchanged, or its disk is in another machine now: croft host adopt-hardware ${host}`,
      )
    }
    return state === 'up' ? true : undefined
  }
  const agent = async () => (await manager.status()).find(one => one.name === name)
  const all_said = `See all that it said: ${(await agent())?.log_file ?? config.log_dir}`
  const is_up = await unlessCrashing(signal => until(client, isUp, up_within_ms, signal), agent).catch(
    async (error: unknown) => {
      if (!(error instanceof Crashing)) throw error
      throw new HostError(`${name} ${error.message}; it said:\n${await manager.said(name)}`, all_said, { cause: error })
    },
  )
  if (!is_up)
    throw new HostError(`the agent has not linked to the controller within ${up_within_ms / 1000} s`, all_said)
}

async function firstGuest(client: Client, { config }: UpOptions, step: Step) {
  const { project } = await client.call(sessionRoutes.get)
  const first = await firstThings(config, project?.id ?? '')
  const orGone = (said: string) => (found: unknown) => (found === undefined ? gone : said)
  const image_id = await step(
    'Image',
    show =>
      first.once(
        'image',
        () => ensureTinyImage(client, config, show),
        () => findTinyImage(client),
      ),
    orGone('tiny'),
  )
  const network = await step(
    'Network',
    () =>
      first.once(
        'network',
        () => ensureNetworks(client, config),
        () => findNetwork(client),
      ),
    orGone('default'),
  )
  const key = await ensureKey(config)
  const key_pair = await first.once(
    'key-pair',
    () => ensureKeyPair(client, key),
    () => findKeyPair(client),
  )
  if (image_id === undefined || network === undefined) return { guest: undefined, key_file: key.file }
  const guest = await step(
    'First guest',
    show =>
      first.once(
        'guest',
        () => ensureGuest(client, { network, image_id, key_pair, show }),
        () => wakeGuest(client, show),
      ),
    found => (found === undefined ? gone : `${found.name} answers on ${found.address}`),
  )
  return { guest, key_file: key.file }
}

/** Of what an earlier run made. */
const gone = 'was deleted, and stays so'
