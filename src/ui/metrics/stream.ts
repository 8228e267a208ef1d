/**
 * Samples as they are measured, on a stream of their own: they are no changes of anything, are not kept as events, and are wanted
 * only while a graph is looked at. A stream that breaks, or on which nothing comes for too long, is opened again.
 */
import { useEffect } from 'react'
import type { MetricsNow } from '../../api/metrics.ts'
import { delay } from '../../sdk/client.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { readEventStream } from '../../sdk/event-stream.ts'
import { routes } from '../api/routes.ts'
import { client, expire } from '../session/session.ts'

/** The server says something every 15 s. */
const silence_ms_max = 45_000
const again_ms = [500, 2000, 5000]

interface Followed {
  resource: readonly string[]
  /** Each of their disks, NICs and pools, too. */
  devices: boolean
}

/** `missed`: the stream is open again, and what was measured meanwhile must be read. */
async function follow(
  { resource, devices }: Followed,
  heard: { sample(now: MetricsNow): void; missed(): void },
  signal: AbortSignal,
): Promise<void> {
  for (let tried = 0; !signal.aborted; tried++) {
    const silent = new AbortController()
    const its = client()
    try {
      const query = { resource: [...resource], ...(devices && { devices }) }
      const bytes = await its.stream(routes.metrics.stream, {
        query,
        signal: AbortSignal.any([signal, silent.signal]),
      })
      if (tried > 0) heard.missed()
      for await (const one of readEventStream(watched(bytes, silent))) {
        tried = 0
        if (one.event === 'sample') heard.sample(JSON.parse(one.data) as MetricsNow)
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ApiProblem && error.code === 'not_signed_in') return expire(its)
      // What one may not see (any more) is told by the reading of the history.
      if (error instanceof ApiProblem && error.status < 500) return
    }
    await delay(again_ms[Math.min(tried, again_ms.length - 1)] ?? 0, signal).catch(() => undefined)
  }
}

async function* watched(bytes: AsyncIterable<Uint8Array>, silent: AbortController): AsyncGenerator<Uint8Array> {
  const late = () => silent.abort(new Error('nothing was heard for too long'))
  let timer = setTimeout(late, silence_ms_max)
  try {
    for await (const chunk of bytes) {
      clearTimeout(timer)
      timer = setTimeout(late, silence_ms_max)
      yield chunk
    }
  } finally {
    clearTimeout(timer)
  }
}

/** While the component is there and `on` holds. The handlers may be others each time. */
export function useSamples(
  { resource, devices }: Followed,
  on: boolean,
  sample: (now: MetricsNow) => void,
  missed: () => void,
): void {
  const key = resource.join(' ')
  useEffect(() => {
    if (!on) return undefined
    const stop = new AbortController()
    void follow({ resource: key.split(' '), devices }, { sample, missed }, stop.signal)
    return () => stop.abort()
    // The handlers are the state's setters, which stay the same.
  }, [key, devices, on, sample, missed])
}
