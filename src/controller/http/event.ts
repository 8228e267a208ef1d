import type { ServerResponse } from 'node:http'
import { eventRoutes } from '../../api/event.ts'
import { followEvents, listEvents } from '../app/event.ts'
import type { Cloud } from '../cloud.ts'
import { answer, handle } from './handle.ts'

/** So that proxies and clients see that the stream lives. */
const comment_every_ms = 15_000

export const eventHandlers = [
  handle(eventRoutes.list, async ({ cloud, caller, query }) => answer(await listEvents(cloud, caller, query))),
  handle(eventRoutes.stream, async ({ cloud, caller, query, request, reply }) => {
    const last = request.headers['last-event-id']
    const cursor = query.cursor ?? (typeof last === 'string' ? last : undefined)
    const gone = new AbortController()
    request.raw.once('close', () => gone.abort())
    // Made before anything is sent, so that a bad cursor is still a problem document.
    const batches = followEvents(cloud, caller, { ...query, cursor }, gone.signal)
    const first = batches.next()
    reply.hijack()
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-request-id': request.id,
    })
    reply.raw.write(': Croft events\n\n')
    await send(cloud, reply.raw, first, batches, gone)
    return answer(undefined)
  }),
]

async function send(
  cloud: Cloud,
  response: ServerResponse,
  first: ReturnType<ReturnType<typeof followEvents>['next']>,
  batches: ReturnType<typeof followEvents>,
  gone: AbortController,
): Promise<void> {
  const alive = () => {
    response.write(':\n\n')
    timer = cloud.clock.after(comment_every_ms, alive)
  }
  let timer = cloud.clock.after(comment_every_ms, alive)
  try {
    for (let next = await first; !next.done; next = await batches.next()) {
      const text = next.value.map(one => `id: ${one.cursor}\nevent: ${one.noun}\ndata: ${JSON.stringify(one)}\n\n`)
      if (!response.write(text.join(''))) await drained(response, gone.signal)
    }
  } catch (error) {
    cloud.log.warn({ err: error }, 'an event stream ends; its reader resumes at its cursor')
  } finally {
    timer.cancel()
    response.end()
  }
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    response.once('drain', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
