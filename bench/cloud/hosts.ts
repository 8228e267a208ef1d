/** Processes of hosts: their invitations, their start and end, what they are told and say (hosts-main.ts). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import type { Connection } from './client.ts'
import type { HostsOrder } from './hosts-main.ts'
import { spread } from './load.ts'

export interface HostsOptions {
  hosts: number
  whole: boolean
  size: HostsOrder['size']
  /** Where they keep who they are. */
  folder: string
  /** Open the inspector of the first process, for profiles. */
  inspect: boolean
}

export interface Hosts {
  pids: number[]
  /** Of the first process: ADDRESS:PORT of Node's inspector, when that was asked for. */
  inspector: string | null
  /** Resolves when each host has been told all that is wanted of it, on a link made after this was called. `note` is told how far they are. */
  inSync(note?: (text: string) => void): Promise<void>
  end(): Promise<void>
}

/** Real hosts compute on processors of their own: in one process those that dial together would wait for each other. */
const hosts_per_process_max = 5000

/** Resolves when all are linked; rejects when a process ends before. */
export async function startHosts(open: () => Promise<Connection>, options: HostsOptions): Promise<Hosts> {
  const { hosts, folder, size, whole } = options
  const { tokens, controller_url } = await invite(open, hosts)
  const inspector = options.inspect ? `127.0.0.1:${await freePort()}` : null
  const processes: ChildProcess[] = []
  const each = Math.ceil(hosts / Math.ceil(hosts / hosts_per_process_max))
  for (let first = 0; first < hosts; first += each) {
    const child = spawnHosts(first === 0 ? inspector : null)
    processes.push(child)
    const mine = tokens.slice(first, first + each)
    await said(child, 'ready', { first, tokens: mine, controller_url, folder, size, whole } satisfies HostsOrder)
  }
  return {
    pids: processes.map(({ pid }) => pid ?? 0),
    inspector,
    inSync: async note => {
      await Promise.all(processes.map(one => said(one, 'in sync', 'watch', note)))
    },
    end: async () => {
      const open_still = processes.filter(one => one.exitCode === null && one.signalCode === null)
      await Promise.all(open_still.map(one => (one.kill(), once(one, 'exit'))))
    },
  }
}

async function invite(open: () => Promise<Connection>, count: number) {
  const tokens: string[] = []
  let controller_url = ''
  const admins = await Promise.all(Array.from({ length: Math.min(count, 16) }, () => open()))
  await spread({ count }, admins.length, async (_, worker) => {
    const asked = admins[worker]?.json<{ token: string; controller_url: string }>('POST', '/v1/host-invitations', {})
    const invited = await asked
    if (!invited) return
    tokens.push(invited.token)
    controller_url = invited.controller_url
  })
  for (const admin of admins) admin.close()
  return { tokens, controller_url }
}

function spawnHosts(inspector: string | null): ChildProcess {
  const main = fileURLToPath(new URL('hosts-main.ts', import.meta.url))
  // Thousands of hosts in one process: what they leave behind, as many times what one does, is collected less often.
  const engine = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64']
  const inspect = inspector === null ? [] : [`--inspect=${inspector}`]
  return spawn(process.execPath, [...engine, ...inspect, main], {
    // The inspector greets on standard error.
    stdio: ['ignore', 'inherit', inspector === null ? 'inherit' : 'ignore', 'ipc'],
  })
}

/** Tells the hosts something and waits for their answer. */
async function said(
  hosts: ChildProcess,
  answer: string,
  order: HostsOrder | 'watch',
  note: (text: string) => void = () => undefined,
): Promise<void> {
  hosts.send(order)
  const ended = once(hosts, 'exit')
  for (;;) {
    const [first] = (await Promise.race([once(hosts, 'message'), ended])) as unknown[]
    if (first === answer) return
    if (typeof first !== 'object' || first === null || !('note' in first))
      throw new Error(`the hosts did not say '${answer}': ${String(first)}`)
    note(String(first.note))
  }
}
