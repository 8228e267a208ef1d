/**
 * `--watch`: a list or a thing kept as it is now, from the event stream. On a terminal it is redrawn in place; with --json each
 * change is a line of its own. Reads again what changed, so that filters and order stay the server's.
 */
import type { Event } from '../api/event.ts'
import type { EventOptions } from '../sdk/client.ts'
import type { Context } from './context.ts'
import { cell } from './format.ts'

export interface Watched {
  noun: string
  /** Of `get`: only this one. */
  resource_id: string | undefined
  all_projects: boolean
  /** Reads all of it anew. */
  read(): Promise<unknown>
  /** What is read, as text. */
  show(read: unknown): string
}

/** Changes that come together are read and drawn together. */
const settle_ms = 50

/** Runs until interrupted, or until the thing watched is gone. */
export async function watch(context: Context, watched: Watched): Promise<void> {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.once('SIGINT', interrupt)
  try {
    await (context.out.json ? watchAsLines : watchAsPicture)(context, watched, stop)
  } finally {
    process.off('SIGINT', interrupt)
    stop.abort()
  }
}

function eventOptions(watched: Watched, signal: AbortSignal): EventOptions {
  return {
    signal,
    noun: watched.noun,
    resource_id: watched.resource_id,
    ...(watched.all_projects && { all_projects: true }),
  }
}

/** First what there is, a line each ("kind": "present"), then the events, each with the thing as it is now. */
async function watchAsLines(context: Context, watched: Watched, stop: AbortController): Promise<void> {
  const client = await context.client()
  const present = async () => {
    const read = await watched.read()
    for (const resource of Array.isArray(read) ? (read as { id?: string }[]) : [read as { id?: string }]) {
      context.out.printJson({ kind: 'present', noun: watched.noun, resource_id: resource.id, resource }, 'line')
    }
  }
  // Events wait in the stream meanwhile: nothing that happens after the reading is missed.
  let reading = Promise.resolve()
  const failed = (error: unknown) => stop.abort(error)
  const on_open = (gap: boolean) => {
    if (!opened || gap) reading = present().catch(failed)
    opened = true
  }
  let opened = false
  for await (const event of client.events({ ...eventOptions(watched, stop.signal), on_open })) {
    await reading
    if (stop.signal.aborted) break
    context.out.printJson(await withResource(event, watched), 'line')
    if (event.kind === 'deleted' && watched.resource_id) return
  }
  await reading
  throwReason(stop.signal)
}

/** Some nouns' events carry only the id. */
async function withResource(event: Event, watched: Watched): Promise<Event> {
  if (event.resource !== null || event.kind === 'deleted') return event
  const read = await watched.read()
  const resource = Array.isArray(read) ? (read as { id?: string }[]).find(one => one.id === event.resource_id) : read
  return { ...event, resource: resource ?? null }
}

/** A stop for another reason than Ctrl-C is a failure. */
function throwReason(signal: AbortSignal): void {
  const reason: unknown = signal.reason
  if (reason instanceof Error && reason.name !== 'AbortError') throw reason
}

async function watchAsPicture(context: Context, watched: Watched, stop: AbortController): Promise<void> {
  const client = await context.client()
  const { out } = context
  let drawn = ''
  let timer: NodeJS.Timeout | undefined
  let drawing = Promise.resolve()
  const draw = async () => {
    const text = watched.show(await watched.read())
    if (text === drawn) return
    out.print(out.width === undefined ? text : redraw(drawn, text, out.height))
    drawn = text
  }
  const drawSoon = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      drawing = drawing.then(draw).catch((error: unknown) => stop.abort(error))
    }, settle_ms)
  }
  const on_lost = () => out.note('The connection is lost; trying again.')
  for await (const event of client.events({ ...eventOptions(watched, stop.signal), on_open: drawSoon, on_lost })) {
    if (event.kind === 'deleted' && watched.resource_id) break
    drawSoon()
  }
  clearTimeout(timer)
  await drawing
  throwReason(stop.signal)
}

/** Events as they come, a line each. */
export async function watchEvents(context: Context, filter: EventOptions): Promise<void> {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.once('SIGINT', interrupt)
  const client = await context.client()
  const { noun, resource_id, all_projects } = filter
  try {
    for await (const event of client.events({ noun, resource_id, all_projects, signal: stop.signal })) {
      if (context.out.json) context.out.printJson(event, 'line')
      else context.out.print(`${lineOf(event)}\n`)
    }
  } finally {
    process.off('SIGINT', interrupt)
  }
}

function lineOf({ at, noun, kind, resource_id, resource, detail }: Event): string {
  const name = (resource as { name?: string } | null)?.name
  const told = detail === null || detail === undefined ? '' : `  ${cell('detail', detail, 0)}`
  return `${at}  ${noun.padEnd(14)}  ${kind.padEnd(7)}  ${name ?? resource_id}${told}`
}

/** Goes back up over what stands there, and writes over it; no more than fits the terminal, which would scroll. */
function redraw(before: string, text: string, height: number): string {
  const lines = text.split('\n').slice(0, height - 1)
  const up = Math.min(before.split('\n').length, height - 1) - 1
  return `${before !== '' && up > 0 ? `\x1b[${up}A\r` : ''}\x1b[J${lines.join('\n')}`
}
