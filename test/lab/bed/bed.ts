/**
 * A bed: whole hosts in namespaces on one machine, joined by a fabric, for tests of the real thing.
 *
 *   await using bed = await createBed()
 *   const host = await bed.addHost('alpha')
 *   await host.must(['./croft', 'up'])
 *
 * Needs root. Beds of several test runs may exist side by side; the kernel ends a bed's processes with the process that
 * made it, and the next run removes the files that a killed one left.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fabric } from './fabric.ts'
import { Host } from './host.ts'

export type { Host } from './host.ts'

export type BedOptions = {
  /** Of the fabric and of each host's eth0. Default 1500. */
  readonly mtu?: number
  /** Keep the files at the end, to look at logs. */
  readonly keep?: boolean
}

export type Bed = AsyncDisposable & {
  readonly dir: string
  readonly fabric: Fabric
  readonly hosts: readonly Host[]
  /** A host that is switched on. Names are host names: lower-case letters, digits, hyphens. */
  addHost(name: string): Promise<Host>
  close(): Promise<void>
}

const root = join(tmpdir(), 'croft-bed')
const hosts_max = 200
let beds = 0

export async function createBed(options: BedOptions = {}): Promise<Bed> {
  if (process.getuid?.() !== 0) throw new Error('A test bed makes namespaces and needs root; run the lab tests as root')
  await removeLeftovers()
  const dir = join(root, `${process.pid}-${await startTime(process.pid)}-${++beds}`)
  await mkdir(dir, { recursive: true })
  const fabric = await Fabric.create(options.mtu ?? 1500)
  const hosts: Host[] = []

  const addHost = async (name: string) => {
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) throw new Error(`"${name}" is no host name`)
    if (hosts.length >= hosts_max) throw new Error(`A bed holds ${hosts_max} hosts`)
    const number = hosts.length + 1
    const known = hosts.map(host => `${host.ip} ${host.name}\n`).join('')
    const hosts_file = `${known}${fabric.addressOf(number)} ${name}\n`
    const host = new Host({ name, number, dir: join(dir, name), fabric, hosts_file })
    hosts.push(host)
    await host.powerOn()
    return host
  }
  const close = async () => {
    await Promise.all(hosts.map(host => host.powerCut()))
    await fabric.kill()
    if (!options.keep) await rm(dir, { recursive: true, force: true })
  }
  return { dir, fabric, hosts, addHost, close, [Symbol.asyncDispose]: close }
}

/** A process id alone may belong to someone else by now; with its start time it names one process. */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // Field 22, counted after the name, which may hold blanks and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}

async function removeLeftovers(): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const name of await readdir(root)) {
    const [pid, started] = name.split('-')
    if ((await startTime(Number(pid))) !== started) await rm(join(root, name), { recursive: true, force: true })
  }
}
