/**
 * Takes this machine out of its cloud: asks to leave, which the cloud grants only an empty host; stops what made it one; takes back what
 * Croft put here. Killed at any point it is run again and goes on: who this host was is forgotten last. What may hold somebody's data,
 * and what other hosts share, stays.
 */
import { lstat, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { readIdentity } from '../agent/identity.ts'
import { JoinFailed, leaveCloud } from '../agent/join-request.ts'
import type { Config } from '../config.ts'
import { isErrno, plain_env, ProgramError, runOk } from '../lib/process.ts'
import { HostError } from './error.ts'
import { serviceManager } from './manager.ts'
import { agentService, agentState } from './services/agent.ts'
import { ovnController } from './services/ovn-controller.ts'
import type { Step } from './step.ts'

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
  for (const { service } of [ovnController(), agentService(config)])
    await step(`Stop ${service.description}`, () => manager.stop(service.name))
  const switch_left = await step('Switch', cleanSwitch)
  const files_left = await step('Files', () => forget(state_dir))
  return { kept: [...switch_left, ...files_left] }
}

function inWords(error: unknown): unknown {
  return error instanceof JoinFailed ? new HostError(error.message, undefined, { cause: error }) : error
}

const keys = [
  ...['hostname', 'ovn-remote', 'ovn-encap-type', 'ovn-encap-ip', 'ovn-bridge', 'ovn-bridge-datapath-type'],
  ...['ovn-bridge-mappings', 'ovn-openflow-probe-interval', 'ovn-monitor-all'],
]

/** The integration bridge, and what OVN was told. Other bridges may carry the machine's own network. */
async function cleanSwitch(): Promise<string[]> {
  const told = keys.flatMap(key => ['--', '--if-exists', 'remove', 'Open_vSwitch', '.', 'external_ids', key])
  const argv = ['ovs-vsctl', '--timeout=20', '--no-wait', '--if-exists', 'del-br', 'br-int', ...told]
  try {
    await runOk(argv, { env: plain_env })
    return []
  } catch (error) {
    // No switch that runs, no bridge to take away: it is the machine's own matter now.
    if (error instanceof ProgramError) return [`bridge br-int: ${error.message}`]
    throw error
  }
}

/** Gives what stays. The identity goes last. */
async function forget(state_dir: string): Promise<string[]> {
  const kept: string[] = []
  const pool = path.join(state_dir, 'pool')
  const why = await whyKept(pool)
  if (why === null) await rm(pool, { recursive: true, force: true })
  else kept.push(`${pool}: ${why}`)
  const rest = (await namesIn(state_dir)).filter(name => name !== 'pool' && name !== 'identity.json')
  // The log of guests' consoles, what was wanted, keys.
  for (const name of rest) await rm(path.join(state_dir, name), { recursive: true, force: true })
  await rm(path.join(state_dir, 'identity.json'), { force: true })
  return kept
}

/** Null when there is nothing in the pool that anybody could miss. */
async function whyKept(pool: string): Promise<string | null> {
  const found = await lstat(pool).catch(absent)
  if (found === null) return null
  if (!found.isDirectory()) return 'it is elsewhere'
  const parent = await stat(path.dirname(pool))
  if (found.dev !== parent.dev) return 'it has a file system of its own, which other hosts may share'
  const volumes = (await namesIn(path.join(pool, 'volumes'))).filter(name => !name.startsWith('.'))
  if (volumes.length > 0) return `there are ${volumes.length} disks in it, which the cloud does not know`
  const strange = (await namesIn(pool)).filter(name => !own.has(name) && !name.startsWith('.'))
  return strange.length > 0 ? `there is ${strange[0]} in it, which is not Croft's` : null
}

const own = new Set(['volumes', 'images', 'config'])

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(absent)) ?? []
}

function absent(error: unknown): null {
  if (isErrno(error, 'ENOENT')) return null
  throw error
}
