/** What is only to be done where the quota allows it, without a wait of its own for the answer. Not its job: counting (store/quota.ts). */
import type { QuotaCharge } from '../../model/quota.ts'
import { atOnce, type Tx } from '../store/database.ts'
import { type ChargedTo, quota } from '../store/quota.ts'

/** Both in one write, as atOnce has it; `second` is told when the `first` has let it, to wait for where that matters. */
export async function onlyIf<T>(
  tx: Tx,
  first: (part: Tx) => Promise<unknown>,
  second: (part: Tx, allowed: Promise<unknown>) => Promise<T>,
): Promise<T> {
  let allowed: Promise<unknown> = Promise.resolve()
  const [, value] = await atOnce(
    tx,
    part => (allowed = first(part)),
    part => second(part, allowed),
  )
  return value
}

/** A look, without a lock: what is charged is decided by quota.charge. */
export async function mustFit(tx: Tx, ...charge: [ChargedTo, QuotaCharge]): Promise<void> {
  const refused = await quota.refusal(tx, ...charge)
  if (refused) throw refused
}
