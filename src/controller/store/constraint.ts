/** From a broken database constraint to the error that the person who asked can understand. */
import { brokenConstraint } from './database.ts'

/**
 * Awaits `statement`; when it breaks one of the named constraints, throws what that name's function makes. The
 * transaction is void after it, as after any failed statement: let the error end it.
 */
export async function onConstraint<T>(
  statement: Promise<T>,
  errors: Record<string, (cause: unknown) => Error>,
): Promise<T> {
  try {
    return await statement
  } catch (cause) {
    const constraint = brokenConstraint(cause)
    const error = constraint === undefined ? undefined : errors[constraint]
    throw error ? error(cause) : cause
  }
}
