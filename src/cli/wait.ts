/** Waits for operations to end, and shows on the way what their hosts are doing. */
import type { Event } from '../api/event.ts'
import type { Operation, OperationTarget } from '../api/operation.ts'
import { ApiProblem } from '../sdk/errors.ts'
import { type Context, call } from './context.ts'
import { CommandFailed, OperationsFailed } from './failure.ts'
import type { Show } from './progress.ts'

/** Asked again so often, at most; the answer comes at once when the operation ends. */
const wait_s = 120

export interface Awaited {
  operation: Operation
  /** Things whose own progress is the operation's. */
  resource_ids: readonly string[]
  /** How far it is, in place of what the operation says; asked anew when one of these things, or it, has changed. */
  told?: () => Promise<string>
}

/** Gives the operations as they ended, whatever the outcome. Throws CommandFailed 'interrupted' on Ctrl-C; they go on then. */
export async function waitForOperations(
  context: Context,
  title: string,
  awaited: readonly Awaited[],
): Promise<Operation[]> {
  const stop = new AbortController()
  const interrupt = () => stop.abort(interrupted(awaited))
  process.once('SIGINT', interrupt)
  let ended: Operation[] = []
  const work = async (show: Show) => {
    ended = await followAll(context, awaited, show, stop.signal)
    if (ended.some(hasFailed)) throw new NotAllDone()
    return ended
  }
  try {
    await context.out.progress().step(title, work, said)
  } catch (error) {
    if (!(error instanceof NotAllDone)) throw error
  } finally {
    process.off('SIGINT', interrupt)
  }
  return ended
}

/** So that progress marks the line as failed; the caller gets the operations all the same. */
class NotAllDone extends Error {}

export const hasFailed = (operation: Operation) => operation.state === 'failed' || operation.state === 'cancelled'

function said(ended: readonly Operation[]): string {
  const targets = ended.reduce((sum, one) => sum + one.targets, 0)
  return targets > 1 ? `${ended.reduce((sum, one) => sum + one.succeeded, 0)} of ${targets}` : ''
}

async function followAll(
  context: Context,
  awaited: readonly Awaited[],
  show: Show,
  signal: AbortSignal,
): Promise<Operation[]> {
  const [only, ...others] = awaited
  if (only && others.length === 0) return [await follow(context, only, show, signal)]
  let done = 0
  return Promise.all(
    awaited.map(async one => {
      const ended = await follow(context, one, undefined, signal)
      done += 1
      show(`${done} of ${awaited.length}`, (100 * done) / awaited.length)
      return ended
    }),
  )
}

function interrupted(awaited: readonly Awaited[]): CommandFailed {
  const ids = awaited.map(one => one.operation.id).join(' ')
  return new CommandFailed('interrupted', 'No longer waiting; what was asked goes on.', `croft operation get ${ids}`)
}

async function follow(
  context: Context,
  awaited: Awaited,
  show: Show | undefined,
  signal: AbortSignal,
): Promise<Operation> {
  let { operation } = awaited
  if (operation.ended_at !== null) return operation
  const done = new AbortController()
  const shown = show && context.out.live && showEvents(context, awaited, show, AbortSignal.any([signal, done.signal]))
  try {
    while (operation.ended_at === null) {
      operation = await call(context, 'operation', 'get', { params: { operation: operation.id }, wait_s, signal })
      if (!awaited.told) show?.(operation.step ?? operation.reason ?? operation.state, operation.percent)
    }
    return operation
  } finally {
    done.abort()
    await shown
  }
}

/** Progress is decoration: when the event stream cannot be had, waiting goes on without it. */
async function showEvents(context: Context, awaited: Awaited, show: Show, signal: AbortSignal): Promise<void> {
  try {
    const client = await context.client()
    const of_these = [awaited.operation.id, ...awaited.resource_ids]
    if (awaited.told) show(await awaited.told())
    for await (const event of client.events({ signal })) {
      if (!awaited.told) showEvent(event, awaited, show)
      else if (of_these.includes(event.resource_id)) show(await awaited.told())
    }
  } catch {
    show(awaited.operation.state)
  }
}

function showEvent(event: Event, { operation, resource_ids }: Awaited, show: Show): void {
  const resource = event.resource as { state?: string; step?: string | null; percent?: number | null } | null
  if (event.resource_id === operation.id) {
    const now = resource as Operation | null
    if (now) show(now.targets > 1 ? `${now.succeeded} of ${now.targets}` : (now.step ?? now.state), now.percent)
  } else if (resource_ids.length === 1 && resource_ids.includes(event.resource_id)) {
    show(resource?.step ?? resource?.state ?? '', resource?.percent ?? undefined)
  }
}

/** Throws OperationsFailed with the reasons, of operations on several things for each of these, when one did not succeed. */
export async function mustHaveSucceeded(context: Context, operations: readonly Operation[]): Promise<void> {
  const bad = operations.filter(hasFailed)
  if (bad.length > 0) throw await failureOf(context, bad)
}

/** So many things are named in one message; the rest by the command that it names. */
const named_max = 20

/** Why operations did not succeed, to be thrown. */
export async function failureOf(context: Context, bad: readonly Operation[]): Promise<OperationsFailed> {
  const told = await Promise.all(bad.map(async one => ({ one, targets: await badTargets(context, one) })))
  const lines = told.map(({ one, targets }) => [headOf(one, targets), ...targets.map(lineOf)].join('\n'))
  const hints = told.map(({ one, targets }) => hintOf(one, targets.length))
  return new OperationsFailed(
    lines.join('\n'),
    hints.join('\n  '),
    told.flatMap(({ targets }) => targets),
  )
}

/** Of an operation on several things those that failed, or else were cancelled; none where it is on one, or they cannot be asked for. */
async function badTargets(context: Context, { id, targets, failed }: Operation): Promise<OperationTarget[]> {
  if (targets < 2) return []
  const query = { outcome: failed > 0 ? ('failed' as const) : ('cancelled' as const), limit: named_max }
  try {
    return (await call(context, 'operation', 'targets', { params: { operation: id }, query })).items
  } catch (error) {
    // A controller of the version before knows no such route; what failed is told all the same.
    if (error instanceof ApiProblem) return []
    throw error
  }
}

function headOf(operation: Operation, told: readonly OperationTarget[]): string {
  const { kind, state, targets, failed, cancelled, reason } = operation
  const count = targets > 1 ? ` (${failed + cancelled} of ${targets})` : ''
  return `${kind} ${state}${count}:${told.length > 0 ? '' : ` ${reason ?? 'no reason was given'}`}`
}

const lineOf = ({ name, resource_id, reason }: OperationTarget) =>
  `  ${name ?? resource_id}: ${reason ?? 'no reason was given'}`

function hintOf({ id, targets, failed, cancelled }: Operation, told: number): string {
  if (targets < 2) return `croft operation get ${id}`
  const all = `croft operation targets ${id}`
  const more = (failed > 0 ? failed : cancelled) - told
  return told > 0 && more > 0 ? `And ${more} more: ${all} --outcome ${failed > 0 ? 'failed' : 'cancelled'}` : all
}
