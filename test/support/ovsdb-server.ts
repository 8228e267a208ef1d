/**
 * Real ovsdb-server processes for tests, as children on unix sockets in a directory of their own.
 * Not its job: Open vSwitch or OVN themselves (ovn-central.ts).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { scratch } from './scratch.ts'

export const run = promisify(execFile)

export const openVswitchSchema = '/usr/share/openvswitch/vswitch.ovsschema'

export interface OvsdbServer {
  readonly directory: string
  readonly socket: string
  readonly remote: string
  /** Ends the server as a power cut would; start() brings it back on the same files. */
  kill(): Promise<void>
  start(): void
  /** Stops the server and removes its files. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a program as a child whose output nobody reads. */
export function startChild(command: string, args: readonly string[], directory: string): ChildProcess {
  return spawn(command, args, {
    stdio: 'ignore',
    env: { ...process.env, OVS_RUNDIR: directory, OVN_RUNDIR: directory, OVS_LOGDIR: directory, OVN_LOGDIR: directory },
  })
}

export async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** A server of one standalone database; more listeners as `--remote=` takes them. */
export async function startOvsdbServer(
  schemaFile = openVswitchSchema,
  listeners: readonly string[] = [],
): Promise<OvsdbServer> {
  const directory = await scratch('croft-ovsdb')
  const file = join(directory, 'db')
  await run('ovsdb-tool', ['create', file, schemaFile])
  return serveFile(directory, file, 'sock', listeners)
}

export function serveFile(
  directory: string,
  file: string,
  name: string,
  listeners: readonly string[] = [],
): OvsdbServer {
  const socket = join(directory, name)
  const args = [`--unixctl=${socket}.ctl`, `--remote=punix:${socket}`, ...listeners, '-vconsole:off', file]
  let child: ChildProcess | undefined
  const server: OvsdbServer = {
    directory,
    socket,
    remote: `unix:${socket}`,
    start: () => (child = startChild('ovsdb-server', args, directory)),
    kill: async () => {
      if (child) await killChild(child)
    },
    async [Symbol.asyncDispose]() {
      await server.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
  server.start()
  return server
}
