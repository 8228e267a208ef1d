/**
 * Runs command lines one after the other in one process, each with an environment and a folder of its own, as if each were its first:
 * to start a process costs ten times what most commands take. Forked by cli.ts. Not its job: standard input, signals and how a process
 * ends; what is about these is run as a process of its own.
 */
import path from 'node:path'
import { run } from '../../src/cli/start.ts'
import { clientEnvironment } from '../../src/client-environment.ts'

export interface Asked {
  words: string[]
  env: Record<string, string>
  folder: string
}

export interface Answered {
  code: number
  stdout: string
  stderr: string
}

/** Keeps what is written to a stream from now on; the function lets it through again, and tells what was kept. */
function kept(stream: NodeJS.WriteStream): () => string {
  const chunks: Buffer[] = []
  const write = stream.write
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as string))
    const done = rest.find(each => typeof each === 'function')
    if (done) process.nextTick(done)
    return true
  }
  return () => {
    stream.write = write
    // Each command listens to it anew.
    stream.removeAllListeners('error')
    return Buffer.concat(chunks).toString()
  }
}

/** What a command throws beside its own errors ends the process, as it would end a command. */
async function answer({ words, env, folder }: Asked): Promise<Answered> {
  process.chdir(folder)
  process.env = { ...env }
  process.exitCode = undefined
  const stdout = kept(process.stdout)
  const stderr = kept(process.stderr)
  try {
    const code = await run(words, clientEnvironment(), path.join(folder, '.cache/croft'))
    return { code: code ?? 0, stdout: stdout(), stderr: stderr() }
  } finally {
    stdout()
    stderr()
  }
}

process.on('message', async (asked: Asked) => process.send?.(await answer(asked)))
process.once('disconnect', () => process.exit())
