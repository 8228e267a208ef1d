import type { ServerResponse } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { eventRoutes } from '../../api/event.ts'
import { CloudError } from '../../model/errors.ts'
import { followEvents, isPast, listEvents, newestCursor, watchGrants } from '../app/event.ts'
import { mustHear } from '../app/event-rights.ts'
import type { Caller } from '../app/caller.ts'
import type { Cloud } from '../cloud.ts'
import { authenticate } from './authenticate.ts'
import { answer, handle } from './handle.ts'
import { textOf } from './serialise.ts'

/** So that proxies and clients see that the stream lives. */
const comment_every_ms = 15_000

export const eventHandlers = [
  handle(eventRoutes.list, async ({ cloud, caller, query }) => answer(await listEvents(cloud, caller, query))),
  handle(eventRoutes.stream, async ({ cloud, caller, query, request, reply }) => {
    const gone = new AbortController()
    request.raw.once('close', () => gone.abort())
    const last = request.headers['last-event-id']
    const asked = query.cursor ?? (typeof last === 'string' ? last : undefined)
    const cursor = asked ?? (await newestCursor(cloud, caller, query))
    // Made before anything is sent, so that a bad cursor is still a problem document.
    const batches = await followEvents(cloud, caller, { ...query, cursor }, gone.signal)
    const gap = asked !== undefined && (await isPast(cloud, asked))
    const first = batches.next()
    reply.hijack()
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-request-id': request.id,
    })
    // Without data it is no event, and moves the cursor: who loses the stream before its first event loses nothing.
    reply.raw.write(
      `: Croft events\n\n${asked === undefined ? `id: ${cursor}\n\n` : gap ? `id: ${cursor}\nevent: gap\n\n` : ''}`,
    )
    const mayGoOn = async () => {
      const now = await authenticate(cloud, request.headers.authorization, caller.request)
      mustHear(now, query)
      if (!isDeepStrictEqual(rightsOf(now), rightsOf(caller)))
        throw new CloudError('forbidden', 'Your rights have changed.')
    }
    // What one is given or loses counts at once: the reader comes back with it.
    const unwatch = watchGrants(cloud, caller.user_id, () => goOn(gone, mayGoOn))
    await send(cloud, reply.raw, first, batches, gone, mayGoOn).finally(unwatch)
    return answer(undefined)
  }),
]

/** All that decides what one hears: who has more or less of it than when the stream began resumes with a new one. */
function rightsOf({ project_id, on_system, on_project, on_instances }: Caller) {
  return { project_id, on_system, on_project, on_instances }
}

function goOn(gone: AbortController, mayGoOn: () => Promise<void>): void {
  mayGoOn().catch(error => {
    if (error instanceof CloudError) gone.abort(error)
  })
}

/** A reader that takes nothing for so long is cut off; it resumes at its cursor. */
const drain_ms_max = 60_000

type Batches = Awaited<ReturnType<typeof followEvents>>

async function send(
  cloud: Cloud,
  response: ServerResponse,
  first: ReturnType<Batches['next']>,
  batches: Batches,
  gone: AbortController,
  mayGoOn: () => Promise<void>,
): Promise<void> {
  // Whoever has signed out, was disabled or lost the role hears no more; a database that is away is no reason.
  const alive = () => {
    response.write(':\n\n')
    timer = cloud.clock.after(comment_every_ms, alive)
    goOn(gone, mayGoOn)
  }
  let timer = cloud.clock.after(comment_every_ms, alive)
  try {
    for (let next = await first; !next.done; next = await batches.next()) {
      const text = next.value.map(one => `id: ${one.cursor}\nevent: ${one.noun}\ndata: ${textOf(one)}\n\n`)
      if (!response.write(text.join(''))) await drained(cloud, response, gone.signal)
    }
  } catch (error) {
    cloud.log.warn({ err: error }, 'an event stream ends; its reader resumes at its cursor')
  } finally {
    timer.cancel()
    response.end()
  }
}

/** Resolves when the reader has taken what was sent, or is gone; rejects when it takes too long. */
function drained(cloud: Cloud, response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      late.cancel()
      response.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const late = cloud.clock.after(drain_ms_max, () => {
      reject(new Error('the reader of an event stream takes nothing'))
      response.destroy()
    })
    response.once('drain', done)
    signal.addEventListener('abort', done, { once: true })
  })
}
