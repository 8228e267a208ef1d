/** A machine that has other things to do: loops that compute, until they are told to end, or this process is gone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const loop = 'while kill -0 $PPID; do i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; done 2>/dev/null'

export function startLoad(loops: number): AsyncDisposable {
  const children = Array.from({ length: loops }, () => spawn('sh', ['-c', loop], { stdio: 'ignore' }))
  return {
    async [Symbol.asyncDispose]() {
      const gone = children.filter(child => child.exitCode === null).map(child => once(child, 'exit'))
      for (const child of children) child.kill()
      await Promise.all(gone)
    },
  }
}
