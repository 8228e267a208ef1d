/**
 * Takes this machine out of its cloud: asks to leave, which the cloud grants only an empty host; stops what made it one; takes back what
 * Croft put here. Killed at any point it is run again and goes on: who this host was is forgotten last. What may hold somebody's data,
 * and what other hosts share, stays.
 */
import { lstat, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pool_mark, pool_secret, pool_signs } from '../agent/drivers/storage/pool-mark.ts'
import { metadataNamespaces, removeNamespace } from '../agent/drivers/ovs/metadata-link.ts'
import { readIdentity } from '../agent/identity.ts'
import { JoinFailed, leaveCloud } from '../agent/join-request.ts'
import type { Config } from '../config.ts'
import { ProgramFailure } from '../lib/linuxnet/program.ts'
import { isErrno, plain_env, ProgramError, runOk } from '../lib/process.ts'
import { stayDownAtBoot } from './boot.ts'
import { HostError } from './error.ts'
import { serviceManager } from './manager.ts'
import { accepts } from './ready.ts'
import { agentService, agentState } from './services/agent.ts'
import { ovnController } from './services/ovn-controller.ts'
import { locks_folder, virtlockd_socket } from './services/virtlockd.ts'
import { watchdogService } from './services/watchdog.ts'
import { machineRoles } from './start.ts'
import type { Step } from './step.ts'
import { stopServices } from './stop.ts'

export interface Left {
  /** What is still there, and why. */
  kept: string[]
}

/** Throws HostError, having changed nothing, while the cloud does not let this host go. */
export async function leave(config: Config, step: Step): Promise<Left> {
  if (process.geteuid?.() !== 0)
    throw new HostError('leaving stops services of the machine: root only', 'sudo ./croft host leave')
  const state_dir = agentState(config)
  const identity = await readIdentity(state_dir)
  if (identity === null) throw new HostError('this machine is no host of a cloud')
  await step(
    'Leave the cloud',
    () => leaveCloud(identity).catch((error: unknown) => Promise.reject(inWords(error))),
    left => (left ? 'its certificate is good no longer' : 'it was out already'),
  )
  const manager = serviceManager(config)
  const own_services = [ovnController(), agentService(config), watchdogService(config)].map(({ service }) => service)
  await stopServices(manager, own_services, step)
  // A controller here is to be up after a boot all the same.
  if (!(await machineRoles(config)).controller) await step('Start at boot', stayDownAtBoot)
  const switch_left = await step('Switch', () => cleanSwitch(state_dir))
  const networks_left = await step('Metadata networks', cleanMetadata)
  const files_left = await step('Files', () => forget(state_dir, identity.host_id))
  return { kept: [...switch_left, ...networks_left, ...files_left] }
}

function inWords(error: unknown): unknown {
  return error instanceof JoinFailed ? new HostError(error.message, undefined, { cause: error }) : error
}

const keys = [
  ...['hostname', 'ovn-remote', 'ovn-encap-type', 'ovn-encap-ip', 'ovn-bridge', 'ovn-bridge-datapath-type'],
  ...['ovn-bridge-mappings', 'ovn-openflow-probe-interval', 'ovn-monitor-all'],
]

/** The integration bridge, what OVN was told, and the certificate that it had. Other bridges may carry the machine's own network. */
async function cleanSwitch(state_dir: string): Promise<string[]> {
  const vsctl = (...words: string[]) => runOk(['ovs-vsctl', '--timeout=20', '--no-wait', ...words], { env: plain_env })
  const told = keys.flatMap(key => ['--', '--if-exists', 'remove', 'Open_vSwitch', '.', 'external_ids', key])
  try {
    const own_certificate = (await vsctl('get-ssl')).includes(`${state_dir}/`)
    await vsctl('--if-exists', 'del-br', 'br-int', ...told, ...(own_certificate ? ['--', 'del-ssl'] : []))
    return []
  } catch (error) {
    // No switch that runs, no bridge to take away: it is the machine's own matter now.
    if (error instanceof ProgramError) return [`bridge br-int: ${error.message}`]
    throw error
  }
}

/** The network namespaces from which guests had their metadata, and the links into them: nobody has guests here any more. */
export async function cleanMetadata(): Promise<string[]> {
  try {
    for (const namespace of await metadataNamespaces()) await removeNamespace(namespace)
    return []
  } catch (error) {
    if (error instanceof ProgramFailure) return [`network namespaces (ip netns list): ${error.message}`]
    throw error
  }
}

/** Gives what stays of an agent's folder. The identity goes last. */
export async function forget(state_dir: string, host_id: string, lock_socket = virtlockd_socket): Promise<string[]> {
  const kept: string[] = []
  const pool = path.join(state_dir, 'pool')
  // A sign of who is gone would have the others' guests wait for a controller after each boot.
  await rm(path.join(pool, pool_signs, host_id), { force: true })
  const why = await whyKept(pool)
  if (why === null) kept.push(...(await emptyPool(pool, lock_socket)))
  else kept.push(`${pool}: ${why}`)
  const rest = (await namesIn(state_dir)).filter(name => name !== 'pool' && name !== 'identity.json')
  // The log of guests' consoles, what was wanted, keys.
  for (const name of rest) await rm(path.join(state_dir, name), { recursive: true, force: true })
  await rm(path.join(state_dir, 'identity.json'), { force: true })
  return kept
}

/** Gives what stays of it and somebody may care for. */
async function emptyPool(pool: string, lock_socket: string): Promise<string[]> {
  const names = await namesIn(pool)
  for (const name of names) if (name !== locks_folder) await rm(path.join(pool, name), { recursive: true, force: true })
  const locks = path.join(pool, locks_folder)
  const held = await namesIn(locks)
  if (held.length > 0) return [`${locks}: libvirt locks disks of other guests in it (${held.length} files)`]
  // virtlockd makes it when it is first told of it, never again: while one runs, and libvirt stays, no other guest would start without it.
  if (names.includes(locks_folder) && (await accepts({ path: lock_socket }))) return []
  await rm(pool, { recursive: true, force: true })
  return []
}

/** Null when there is nothing in the pool that anybody could miss. */
async function whyKept(pool: string): Promise<string | null> {
  const found = await lstat(pool).catch(absent)
  if (found === null) return null
  if (!found.isDirectory()) return 'it is elsewhere'
  const parent = await stat(path.dirname(pool))
  if (found.dev !== parent.dev) return 'it has a file system of its own, which other hosts may share'
  for (const name of await namesIn(pool)) {
    const { dev } = await lstat(path.join(pool, name))
    if (dev !== found.dev) return `${name} in it is a file system of its own`
  }
  const volumes = (await namesIn(path.join(pool, 'volumes'))).filter(name => !name.startsWith('.'))
  if (volumes.length > 0) return `there are ${volumes.length} disks in it, which the cloud does not know`
  if ((await namesIn(path.join(pool, pool_signs))).length > 0) return 'other hosts have it, too'
  const strange = (await namesIn(pool)).filter(name => !own.has(name) && !name.startsWith('.'))
  return strange.length > 0 ? `there is ${strange[0]} in it, which is not Croft's` : null
}

const own = new Set(['volumes', 'images', 'config', 'machine', pool_mark, pool_secret, pool_signs, locks_folder])

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(absent)) ?? []
}

function absent(error: unknown): null {
  if (isErrno(error, 'ENOENT')) return null
  throw error
}
