/** The controller's own program as a process, as it runs on a controller host: its sockets, its log, its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { node_env, nodeArgv } from '../../src/host/services/node.ts'
import { freePort } from '../../test/support/free-port.ts'

export interface Controller {
  url: string
  /** ADDRESS:PORT of API and of agents' links. */
  listens: { api: string; agents: string }
  pid: number
  /** Of Node's inspector, when that was asked for. */
  inspector: string | null
  /** SIGTERM; resolves when it is gone. */
  stop(): Promise<void>
  /** SIGKILL: nothing is written, nobody is told. */
  kill(): Promise<void>
}

export interface ControllerOptions {
  database_url: string
  state: string
  inspect?: boolean
  /** Where another one listened before; free ports unless given. */
  listens?: Controller['listens']
}

/** Resolves when it answers. */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const listens = options.listens ?? {
    api: `127.0.0.1:${await freePort()}`,
    agents: `127.0.0.1:${await freePort()}`,
  }
  const inspector = options.inspect ? `127.0.0.1:${await freePort()}` : null
  // Node, flags and environment as croft-controller has them as a service.
  const [node = '', ...flags] = nodeArgv('plenty', 'src/controller/main.ts')
  const inspect = inspector ? [`--inspect=${inspector}`] : []
  const given = ['--database', options.database_url, '--state', options.state, '--log-level', 'warn']
  const child: ChildProcess = spawn(
    // However this process ends, the controller ends with it (setpriv(1)).
    'setpriv',
    [
      '--pdeathsig=TERM',
      '--',
      node,
      ...inspect,
      ...flags,
      ...given,
      '--listen',
      listens.api,
      '--agent-listen',
      listens.agents,
    ],
    { env: { ...node_env }, stdio: ['ignore', 'ignore', inspector ? 'ignore' : 'inherit', 'ipc'] },
  )
  const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[]
  if (said !== 'ready') throw new Error(`the controller did not start: ${String(said)}`)
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  return {
    url: `http://${listens.api}`,
    listens,
    pid: child.pid ?? 0,
    inspector,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}
