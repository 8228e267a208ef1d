/**
 * One verb for several things: `croft instance stop a b c`. Each is asked for on its own, so that one that cannot be done
 * keeps no other from being done; they are waited for together. Not its job: one thing (run.ts).
 */
import type { Operation } from '../api/operation.ts'
import { ApiProblem } from '../sdk/errors.ts'
import type { CommandShape, Field } from './command-shape.ts'
import type { Context } from './context.ts'
import { describeFailure, exitCodeOf, failureDocument, OperationsFailed, TargetsFailed, UsageError } from './failure.ts'
import { askOnce, awaitedOf, fillRequest, type Given, type Modes, operationOf, type Prepare, type Told } from './run.ts'
import { showSeveral } from './show.ts'
import { faultOf } from './verdict.ts'
import { failureOf, hasFailed, waitForOperations } from './wait.ts'

export interface Target {
  /** As it was typed. */
  name: string
  given: Given
}

/** What came of one target: an answer (undefined: done, without one) or why not; of a check that failed, both. */
export type Outcome =
  | { name: string; answer: unknown }
  | { name: string; error: unknown }
  | { name: string; answer: unknown; error: unknown }

interface Asked {
  name: string
  again?: () => Promise<unknown>
  operation?: Operation | undefined
  outcome: Outcome
  told?: Told | undefined
}

/** Two things seldom want the same name. */
const isOwnName = ({ part, name }: Field) => part === 'body' && name === 'name'

/** Throws TargetsFailed, after all others are done and shown, when something failed. */
export async function runMany(
  context: Context,
  shape: CommandShape,
  targets: readonly Target[],
  modes: Modes,
  prepare?: Prepare,
): Promise<void> {
  if (modes.watch) throw new UsageError('--watch shows one thing; name one.')
  if (modes.if_version !== undefined) throw new UsageError('--if-version is of one thing; name one.')
  if (targets.some(({ given }) => [...given.keys()].some(isOwnName)))
    throw new UsageError('--name is of one; name one.')
  const asked: Asked[] = []
  for (const { name, given } of targets) {
    try {
      const request = await fillRequest(context, shape, given, modes, prepare)
      const answer = await askOnce(context, shape, request)
      // The same request with the same key does nothing again; its answer tells how things stand then.
      const again = () => askOnce(context, shape, { ...request, wait_s: 1 })
      const operation = operationOf(shape, answer)
      const error = faultOf(shape.route, answer)
      const outcome = error ? { name, answer, error } : { name, answer }
      asked.push({ name, again, operation, outcome, told: request.told })
    } catch (error) {
      if (endsAll(error)) throw error
      asked.push({ name, outcome: { name, error } })
    }
  }
  if (modes.wait) {
    const awaited = asked.flatMap(({ operation, outcome }) =>
      operation && 'answer' in outcome ? [awaitedOf(shape, operation, outcome.answer)] : [],
    )
    const title = `${shape.verb.charAt(0).toUpperCase()}${shape.verb.slice(1)} ${awaited.length} ${shape.noun}s`
    const ended = awaited.length === 0 ? [] : await waitForOperations(context, title, awaited)
    for (const one of asked) {
      const operation = ended.find(each => each.id === one.operation?.id)
      if (!operation || !one.again) continue
      one.outcome = hasFailed(operation)
        ? { name: one.name, error: await withoutHint(context, operation) }
        : { name: one.name, answer: await one.again() }
    }
  }
  const outcomes = asked.map(({ outcome }) => outcome)
  showSeveral(context, shape, outcomes, failureDocument)
  for (const { told } of asked) await told?.()
  tellFailures(outcomes)
}

/** Where each has its line, what to type next would be as many lines again. */
async function withoutHint(context: Context, operation: Operation): Promise<OperationsFailed> {
  const { message, targets } = await failureOf(context, [operation])
  return new OperationsFailed(message, undefined, targets)
}

/** What is wrong for one target is so for all: nobody is signed in, or there is no controller. */
const endsAll = (error: unknown) =>
  error instanceof ApiProblem ? error.status === 401 : exitCodeOf(error) === 3 || exitCodeOf(error) === 7

function tellFailures(outcomes: readonly Outcome[]): void {
  const failed = outcomes.flatMap(one => ('error' in one ? [one] : []))
  if (failed.length === 0) return
  const lines = failed.map(
    ({ name, error }) =>
      `${name}: ${describeFailure(error)
        .replace(/^croft: /, '')
        .trimEnd()}`,
  )
  const codes = new Set(failed.map(({ error }) => exitCodeOf(error)))
  const [only] = codes
  throw new TargetsFailed(lines.join('\n'), codes.size === 1 && only !== undefined ? only : 1)
}
