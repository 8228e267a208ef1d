/** Takes out what time has overtaken: expired tokens, old events, kept answers, machines that ask no more. store/retention.ts says what and when. */
import { forgetSilentHardware } from '../app/host-identity.ts'
import type { Cloud } from '../cloud.ts'
import { retention } from '../store/retention.ts'

const batch = 5000

/** One pass; true when there may be more. */
export async function cleanUp({ database, settings }: Pick<Cloud, 'database' | 'settings'>): Promise<boolean> {
  const rules = {
    event_days: settings.get('event.keep_days'),
    operation_days: settings.get('operation.keep_days'),
    migration_days: settings.get('migration.keep_days'),
    lock_minutes: settings.get('sign_in.lock_minutes'),
  }
  await forgetSilentHardware({ database })
  return await retention.takeOut(database.db, rules, batch)
}
