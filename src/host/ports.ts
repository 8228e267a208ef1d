/**
 * Whether an address can be listened on, and if not, who has it.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import type { Address } from '../config.ts'
import { isErrno } from '../lib/process.ts'

export type PortProblem = { address: Address; why: string; holder: string | undefined }

/** undefined if this process could listen there now. */
export function portProblem(address: Address): Promise<PortProblem | undefined> {
  return new Promise(resolve => {
    const server = net.createServer()
    server.once('error', error => {
      const taken = isErrno(error, 'EADDRINUSE')
      resolve({ address, why: reasonOf(error), holder: taken ? holderOf(address.port) : undefined })
    })
    server.listen({ host: address.host, port: address.port, exclusive: true }, () =>
      server.close(() => resolve(undefined)),
    )
  })
}

function reasonOf(error: Error): string {
  if (isErrno(error, 'EADDRINUSE')) return 'is in use'
  if (isErrno(error, 'EADDRNOTAVAIL')) return 'is not an address of this machine'
  const unknown = isErrno(error, 'ENOTFOUND') || isErrno(error, 'EAI_AGAIN')
  return unknown ? 'is not a name that can be looked up here' : error.message
}

/** Inodes of sockets that listen on a TCP port, from the text of /proc/net/tcp or tcp6 (proc_net_tcp(5)). Pure. */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${wanted}`) && state === '0A')
    .map(fields => fields[9] ?? '')
}

/** "nginx (process 123)", as far as this user may look; undefined if the holder is not to be seen from here. */
export function holderOf(port: number): string | undefined {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map(file => readOr(() => readFileSync(file, 'utf8'), ''))
  const targets = new Set(tables.flatMap(table => listeningInodes(table, port)).map(inode => `socket:[${inode}]`))
  if (targets.size === 0) return undefined
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fd`
    for (const fd of readOr(() => readdirSync(folder), []))
      if (targets.has(readOr(() => readlinkSync(`${folder}/${fd}`), '')))
        return `${readOr(() => readFileSync(`/proc/${pid}/comm`, 'utf8'), '?').trim()} (process ${pid})`
  }
  return undefined
}

/** Processes come and go while one looks, and others' are closed to us. */
function readOr<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch (error) {
    const usual = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].some(code => isErrno(error, code))
    if (!usual) throw error
    return otherwise
  }
}
