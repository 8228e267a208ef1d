/**
 * Checks: commands that were done, and found that something is not well. Their answer is printed as any other, and they end as one
 * that failed, so that a script need not read it. Not its job: what was refused, or an operation that failed (failure.ts, wait.ts).
 */
import type { auditRoutes } from '../api/audit.ts'
import type { hostBmcRoutes } from '../api/host-bmc.ts'
import type { hostRoutes } from '../api/host.ts'
import type { ReplyOf } from '../api/route.ts'
import { CommandFailed } from './failure.ts'

/** By the route's name: what is wrong; null: nothing. */
const faults: Readonly<Record<string, (answer: unknown) => string | null>> = {
  'host-bmc.test'(answer) {
    const { failure } = answer as ReplyOf<typeof hostBmcRoutes.test>
    return failure === null ? null : `The management controller failed its test: ${failure}`
  },
  'audit.verify'(answer) {
    const { whole, reason, first_broken_seq } = answer as ReplyOf<typeof auditRoutes.verify>
    return whole ? null : `The audit log is not whole: ${reason ?? `row ${first_broken_seq} is wrong`}`
  },
  'host.reconcile'(answer) {
    const { left } = answer as ReplyOf<typeof hostRoutes.reconcile>
    const reasons = left.map(({ instance_id, name, reason }) => `\n  ${name ?? instance_id}: ${reason}`)
    return left.length === 0 ? null : `Not all is settled:${reasons.join('')}`
  },
}

/** What a check found to be wrong, to be thrown once its answer is shown. */
export function faultOf({ name }: { name: string }, answer: unknown): CommandFailed | null {
  const told = faults[name]?.(answer) ?? null
  return told === null ? null : new CommandFailed('failed', told)
}
