/**
 * Links, addresses, routes and network namespaces through ip(8) of iproute2: what is, read as JSON; changes, as one batch.
 * A namespace is given by its name (`ip netns`); undefined is the caller's own. Usable alone; needs root to change.
 */
import { ProgramFailure, runProgram } from './program.ts'

export type Address = {
  readonly family: 'inet' | 'inet6'
  readonly address: string
  readonly prefix_length: number
  /** 'global', 'link', 'host'. */
  readonly scope: string
}

export type Link = {
  readonly name: string
  readonly index: number
  readonly mac: string
  readonly mtu: number
  /** Administratively up. */
  readonly up: boolean
  readonly addresses: readonly Address[]
}

/** As `ip -json route` prints it; only what a route needs to be made again. */
export type Route = {
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly protocol?: string
  readonly scope?: string
  readonly prefsrc?: string
  readonly metric?: number
}

type LinkJson = {
  ifname: string
  ifindex: number
  address?: string
  mtu: number
  flags: string[]
  addr_info?: { family?: string; local?: string; prefixlen?: number; scope?: string }[]
}

const inNamespace = (netns: string | undefined) => (netns === undefined ? [] : ['-netns', netns])

async function json<T>(args: readonly string[], netns?: string): Promise<T[]> {
  const text = await runProgram(['ip', ...inNamespace(netns), '-json', ...args])
  // Nothing to list is printed as nothing at all by some subcommands.
  return text.trim() === '' ? [] : (JSON.parse(text) as T[])
}

/** All links with their addresses. */
export async function readLinks(netns?: string): Promise<Link[]> {
  const links = await json<LinkJson>(['address', 'show'], netns)
  return links.map(link => ({
    name: link.ifname,
    index: link.ifindex,
    mac: link.address ?? '',
    mtu: link.mtu,
    up: link.flags.includes('UP'),
    addresses: (link.addr_info ?? []).flatMap(info =>
      info.local === undefined
        ? []
        : [
            {
              family: info.family === 'inet6' ? ('inet6' as const) : ('inet' as const),
              address: info.local,
              prefix_length: info.prefixlen ?? 0,
              scope: info.scope ?? 'global',
            },
          ],
    ),
  }))
}

/** IPv4 routes of the main table, those through `dev` only when given. */
export async function readRoutes(dev?: string): Promise<Route[]> {
  return await json<Route>(['-4', 'route', 'show', ...(dev === undefined ? [] : ['dev', dev])])
}

/** Names made by `ip netns add`. */
export async function listNamespaces(): Promise<string[]> {
  const namespaces = await json<{ name: string }>(['netns', 'list'])
  return namespaces.map(namespace => namespace.name)
}

/** Carries out lines of `ip -batch`, in order; the first that fails ends it with ProgramFailure. */
export async function ipBatch(lines: readonly string[], netns?: string): Promise<void> {
  if (lines.length === 0) return
  // A value with a line end in it (an address, a name) would be a command of its own, `netns exec` among them.
  const odd = lines.find(line => /[\r\n\0\\#"']/.test(line))
  if (odd !== undefined) throw new TypeError(`not a line for ip -batch: ${JSON.stringify(odd)}`)
  await runProgram(['ip', ...inNamespace(netns), '-batch', '-'], `${lines.join('\n')}\n`)
}

/** Removes a link; that there is none is no error. */
export async function deleteLink(name: string): Promise<void> {
  try {
    await runProgram(['ip', 'link', 'delete', name])
  } catch (error) {
    if (!(error instanceof ProgramFailure && error.stderr.includes('Cannot find device'))) throw error
  }
}

/**
 * Lets the kernel finish every checksum before a frame leaves `dev`: user-space Open vSwitch takes frames raw and would
 * pass an unfinished one on, so that ping works and TCP hangs.
 */
export async function finishChecksums(dev: string, netns?: string): Promise<void> {
  const enter = netns === undefined ? [] : ['ip', 'netns', 'exec', netns]
  const off = ['tx', 'off', 'gro', 'off', 'gso', 'off', 'tso', 'off']
  await runProgram([...enter, 'ethtool', '-K', dev, ...off])
}
