/**
 * What can be known to go wrong before anything is changed: rights, ports, room on disk, a database that does not answer
 * or is too old.
 */
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { Client } from 'pg'
import { type Config, joinAddress } from '../../config.ts'
import { checkClusterAddress } from '../cluster-address.ts'
import { HostError } from '../error.ts'
import { isLoopback } from '../../model/loopback.ts'
import { isErrno } from '../../lib/process.ts'
import { portProblem } from '../ports.ts'
import type { ServiceStatus } from '../service.ts'
import { controllerState } from '../services/controller.ts'
import { ovnCentral } from '../services/ovn-central.ts'

const free_mib_min = 1024
const postgres_min = 150_000

/** `running`: what already runs of Croft here; its own ports are not in its way. Throws HostError. */
export async function preflight(config: Config, running: readonly ServiceStatus[]): Promise<void> {
  if (config.ovn_central !== undefined) checkFurther(config, running)
  await checkRoom(config)
  const controller_runs = running.some(({ name, state }) => name === 'croft-controller' && state !== 'stopped')
  await checkClusterAddress(config)
  await checkPorts(config, controller_runs)
  if (config.database_url !== undefined) await checkDatabase(config.database_url)
}

/** A further controller has the cloud's database, its sealing key and its images; with a key of its own it could read nothing. */
function checkFurther(config: Config, running: readonly ServiceStatus[]): void {
  const networks = ovnCentral()[0]?.service.name
  if (running.some(({ name, state }) => name === networks && state !== 'stopped'))
    throw new HostError(
      `${networks} runs here: this is the machine that --ovn-central is to name elsewhere. As a further controller it would leave the cloud's networks to nobody`,
      'Here: croft up, without --ovn-central. To give the cloud a further controller, do this on another machine.',
    )
  if (config.database_url === undefined)
    throw new HostError(
      '--ovn-central makes this machine a further controller of a cloud, and that needs the database of the cloud',
      'croft up --ovn-central ADDRESS --database postgresql://…',
    )
  if (isLoopback(config.agent_listen.host))
    throw new HostError(
      `hosts would be told to dial this controller at ${config.agent_listen.host}, which is their own machine`,
      'croft up --ovn-central ADDRESS --listen ADDRESS:7070, with an address of this machine that hosts reach',
    )
  const key = path.join(controllerState(config), 'seal.key')
  if (existsSync(key)) return
  throw new HostError(
    `there is no ${key}, and without the key of the other controllers nothing that is sealed in the database can be read`,
    'Copy it from one of them (same place there), for root alone to read; and have its folder images here, too. Not controller-id: that is its own.',
  )
}

async function checkRoom(config: Config): Promise<void> {
  for (const folder of new Set([config.state_dir, config.run_dir, config.log_dir])) {
    const { bavail, bsize } = await statfs(await nearestFolder(folder))
    const free_mib = Math.floor((bavail * bsize) / 2 ** 20)
    // A memory file system for sockets may be small.
    const min_mib = folder === config.state_dir ? free_mib_min : 16
    if (free_mib < min_mib)
      throw new HostError(
        `the file system of ${folder} has ${free_mib} MiB left, and ${min_mib} MiB are needed`,
        'Free some space, or keep the state elsewhere: croft up --state DIR',
      )
  }
}

async function nearestFolder(folder: string): Promise<string> {
  try {
    await statfs(folder)
    return folder
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    return await nearestFolder(path.dirname(folder))
  }
}

/** Where the controller runs it has its ports itself, and is to have them again after a restart: then only the addresses must be there. */
async function checkPorts(config: Config, controller_runs: boolean): Promise<void> {
  for (const [key, option] of [
    ['listen', '--listen'],
    ['agent_listen', '--agent-listen'],
  ] as const) {
    const problem = await portProblem({ ...config[key], ...(controller_runs && { port: 0 }) })
    if (!problem) continue
    const by = problem.holder === undefined ? '' : ` by ${problem.holder}`
    throw new HostError(
      `${joinAddress(config[key])} ${problem.why}${by}; nothing was changed`,
      `Free it, or choose another: croft up ${option} ADDRESS:PORT`,
    )
  }
}

async function checkDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ version: string }>(`select current_setting('server_version_num') as version`)
    const version = Number(rows[0]?.version)
    if (version < postgres_min)
      throw new HostError(`the database is PostgreSQL ${Math.floor(version / 10_000)}; Croft needs 15 or newer`)
  } catch (error) {
    if (error instanceof HostError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new HostError(`the database of --database does not let us in: ${why}`, 'Check address, user and password.', {
      cause: error,
    })
  } finally {
    await client.end()
  }
}
