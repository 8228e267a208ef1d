import { type MetricsNow, metricsRoutes } from '../../api/metrics.ts'
import { CloudError } from '../../model/errors.ts'
import { exposeMetrics } from '../app/metric-exposition.ts'
import { getMetrics, latestMetrics, watchMetrics } from '../app/metrics.ts'
import { authenticate } from './authenticate.ts'
import { answer, handle } from './handle.ts'

/** So that proxies and clients see that the stream lives, and who lost a right hears no more. */
const comment_every_ms = 15_000
/** A reader that is so far behind misses samples: the next one is as good. */
const behind_bytes_max = 1_000_000

export const metricsHandlers = [
  handle(metricsRoutes.get, async ({ cloud, caller, query }) => answer(await getMetrics(cloud, caller, query))),
  handle(metricsRoutes.latest, async ({ cloud, caller, query }) => answer(await latestMetrics(cloud, caller, query))),
  handle(metricsRoutes.stream, async ({ cloud, caller, query, request, reply }) => {
    const { raw } = reply
    // Before anything is sent, so that a refusal is still a problem document.
    const tell = (now: MetricsNow) => {
      if (raw.writableLength < behind_bytes_max) raw.write(`event: sample\ndata: ${JSON.stringify(now)}\n\n`)
    }
    const speaking = new Map()
    const watch = async (who: typeof caller) => await watchMetrics(cloud, who, query, tell, speaking)
    let stop = await watch(caller)
    reply.hijack()
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-request-id': request.id,
    })
    raw.write(': Croft metrics\n\n')
    const mayGoOn = async () => {
      const now = await authenticate(cloud, request.headers.authorization, caller.request)
      const before = stop
      stop = await watch(now)
      before()
      if (raw.destroyed) stop()
    }
    const alive = () => {
      raw.write(':\n\n')
      timer = cloud.clock.after(comment_every_ms, alive)
      mayGoOn().catch(error => {
        if (error instanceof CloudError) raw.end()
      })
    }
    let timer = cloud.clock.after(comment_every_ms, alive)
    await new Promise(resolve => raw.once('close', resolve))
    timer.cancel()
    stop()
    return answer(undefined)
  }),
  handle(metricsRoutes.prometheus, async ({ cloud, caller, reply }) => {
    const text = await exposeMetrics(cloud, caller)
    await reply.type('text/plain; version=0.0.4; charset=utf-8').serializer(String).send(text)
    return answer(undefined)
  }),
]
