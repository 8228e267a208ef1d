/**
 * A lock that the kernel gives back when its holder dies, however it dies. Node has no flock(2), so a child (util-linux's
 * flock running cat) holds it for as long as a pipe from this process is open.
 */
import { spawn } from 'node:child_process'
import { plain_env } from './process.ts'

export type Lock = Disposable & { release(): void }

/** flock's exit code when somebody else holds the lock. */
const conflict_code = 75

/** The lock, or undefined if it is still held by another after `wait_ms`. The file is made if missing and stays. */
export function holdLock(file: string, wait_ms = 0): Promise<Lock | undefined> {
  const patience = wait_ms === 0 ? ['--nonblock'] : ['--wait', String(wait_ms / 1000)]
  const child = spawn('flock', [...patience, '--conflict-exit-code', String(conflict_code), file, 'cat'], {
    env: { ...plain_env },
    stdio: ['pipe', 'pipe', 'inherit'],
    // Away from the terminal's Ctrl-C: the lock lives as long as its holder.
    detached: true,
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code => {
      if (code === conflict_code) resolve(undefined)
      else reject(new Error(`flock ${file} ended with code ${code}`))
    })
    child.stdin.on('error', () => undefined)
    // cat runs, and answers, only once flock has the lock.
    child.stdout.once('data', () => {
      child.unref()
      const release = () => child.stdin.destroy()
      resolve({ release, [Symbol.dispose]: release })
    })
    child.stdin.write('\n')
  })
}
