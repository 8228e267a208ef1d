/** A controller as a process of its own, for tests that kill it or give it a world of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'

export interface ControllerProcess {
  url: string
  /** Where agents dial. */
  agent_url: string
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>
}

/** Resolves when it answers. `within` is a command that runs what follows it, such as unshare. */
export async function startControllerProcess(
  database_url: string,
  state: string,
  within: readonly string[] = [],
): Promise<ControllerProcess> {
  const listen = `127.0.0.1:${await freePort()}`
  const main = fileURLToPath(new URL('../../src/controller/main.ts', import.meta.url))
  const options = ['--database', database_url, '--state', state, '--listen', listen, '--log-level', 'error']
  const agent_listen = `127.0.0.1:${await freePort()}`
  const [program, ...argv] = [...within, process.execPath, main, ...options, '--agent-listen', agent_listen]
  const child: ChildProcess = spawn(program, argv, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[]
  if (said !== 'ready') throw new Error(`the controller did not start: ${String(said)}`)
  return {
    url: `http://${listen}`,
    agent_url: `https://${agent_listen}`,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
