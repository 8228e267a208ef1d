import { instanceMoveRoutes, migrationRoutes } from '../../api/migration.ts'
import { getInstance } from '../app/instance.ts'
import { cancelMigration, getMigration, listMigrations, migrateInstance } from '../app/migration.ts'
import { getOperation } from '../app/operation.ts'
import { answer, handle } from './handle.ts'

export const migrationHandlers = [
  handle(instanceMoveRoutes.migrate, async ({ cloud, caller, params, body }) => {
    const moved = await migrateInstance(cloud, caller, params.instance, body)
    return {
      body: moved,
      version: moved.instance.version,
      operation_id: moved.operation.id,
      after: async () => ({
        migration: await getMigration(cloud, moved.migration.id),
        instance: await getInstance(cloud, caller, moved.instance.id).catch(() => moved.instance),
        operation: await getOperation(cloud, caller, moved.operation.id),
      }),
    }
  }),
  handle(migrationRoutes.list, async ({ cloud, query }) => answer(await listMigrations(cloud, query))),
  handle(migrationRoutes.get, async ({ cloud, params }) => answer(await getMigration(cloud, params.migration))),
  handle(migrationRoutes.cancel, async ({ cloud, caller, params }) =>
    answer(await cancelMigration(cloud, caller, params.migration)),
  ),
]
