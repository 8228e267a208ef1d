/**
 * CPU profile of another Node process through its inspector (Chrome DevTools protocol, domain Profiler), over one stretch
 * of work; written as .cpuprofile, which browsers and editors open, and summed up in words.
 */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import WebSocket from 'ws'

interface ProfileNode {
  id: number
  callFrame: { functionName: string; url: string; lineNumber: number }
  children?: number[]
}

export interface Profile {
  nodes: ProfileNode[]
  samples: number[]
  /** Microseconds before each sample. */
  timeDeltas: number[]
}

type Call = (method: string, params?: object) => Promise<Record<string, unknown>>

/** Speaks with a process through its inspector, ADDRESS:PORT. */
async function inspecting<T>(inspector: string, use: (call: Call) => Promise<T>): Promise<T> {
  const targets = (await (await fetch(`http://${inspector}/json/list`)).json()) as { webSocketDebuggerUrl: string }[]
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '', { maxPayload: 2 ** 30 })
  await once(socket, 'open')
  let id = 0
  const call = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const mine = ++id
    socket.send(JSON.stringify({ id: mine, method, params }))
    for (;;) {
      const [data] = (await once(socket, 'message')) as [Buffer]
      const answer = JSON.parse(data.toString('utf8')) as { id?: number; result?: Record<string, unknown> }
      if (answer.id === mine) return answer.result ?? {}
    }
  }
  try {
    return await use(call)
  } finally {
    socket.close()
  }
}

/** Profiles while `work` runs; resolves with lines for people. `inspector` is ADDRESS:PORT. */
export function profiled(inspector: string, file: string, work: () => Promise<void>): Promise<string[]> {
  return inspecting(inspector, async call => {
    await call('Profiler.enable')
    await call('Profiler.setSamplingInterval', { interval: 250 })
    await call('Profiler.start')
    await work()
    const { profile } = (await call('Profiler.stop')) as { profile: Profile }
    await writeFile(file, JSON.stringify(profile))
    return [`  profile: ${file}`, ...summary(profile)]
  })
}

/** Where the memory of a Node process is, MiB, in words: the engine's heap as it stands, then once all garbage was collected. */
export function memoryInWords(inspector: string): Promise<string> {
  return inspecting(inspector, async call => {
    const look = async () => {
      const expression = 'JSON.stringify(process.memoryUsage())'
      const { result } = (await call('Runtime.evaluate', { expression })) as { result?: { value?: string } }
      const usage = JSON.parse(result?.value ?? '{}') as Record<string, number>
      return Object.entries(usage)
        .map(([name, bytes]) => `${name} ${Math.round(bytes / 2 ** 20)}`)
        .join(', ')
    }
    const before = await look()
    await call('HeapProfiler.enable')
    await call('HeapProfiler.collectGarbage')
    return `${before}; collected: ${await look()}`
  })
}

/** Does `work`, with a profile of this very process where profiles are asked for. */
export async function profiledHere<T>(
  { profile_dir }: { profile_dir: string | null },
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  if (profile_dir === null) return await work()
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 250 })
    await session.post('Profiler.start')
    const result = await work()
    const { profile } = await session.post('Profiler.stop')
    await writeFile(join(profile_dir, `${name}.cpuprofile`), JSON.stringify(profile))
    for (const text of summary(profile as Profile)) console.error(text)
    return result
  } finally {
    session.disconnect()
  }
}

/** The functions and the files with the most time of their own. */
export function summary(profile: Profile, lines = 30): string[] {
  const self_us = new Map<number, number>()
  for (const [at, node] of profile.samples.entries()) {
    self_us.set(node, (self_us.get(node) ?? 0) + (profile.timeDeltas[at] ?? 0))
  }
  const functions = new Map<string, number>()
  const files = new Map<string, number>()
  let busy_us = 0
  for (const { id, callFrame } of profile.nodes) {
    const spent_us = self_us.get(id) ?? 0
    if (callFrame.functionName === '(idle)') continue
    busy_us += spent_us
    const file = shortName(callFrame.url) || '(engine)'
    const name = `${callFrame.functionName || '(anonymous)'} ${file}:${callFrame.lineNumber + 1}`
    functions.set(name, (functions.get(name) ?? 0) + spent_us)
    files.set(file, (files.get(file) ?? 0) + spent_us)
  }
  const table = (title: string, of: Map<string, number>) => [
    `  ${title}`,
    ...[...of]
      .sort(([, a], [, b]) => b - a)
      .slice(0, lines)
      .map(([name, spent_us]) => `  ${((100 * spent_us) / busy_us).toFixed(1).padStart(5)} %  ${name}`),
  ]
  return [
    `  busy ${(busy_us / 1000).toFixed(0)} ms`,
    ...table('by function, time of its own:', functions),
    ...table('by file:', files),
  ]
}

function shortName(url: string): string {
  const text = url.replace(/^file:\/\//, '')
  const at = Math.max(text.lastIndexOf('/node_modules/'), text.lastIndexOf('/src/'))
  return at < 0 ? text : text.slice(at + 1)
}
