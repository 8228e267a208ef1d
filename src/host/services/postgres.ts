/** The embedded PostgreSQL as a service. */
import path from 'node:path'
import type { Config } from '../../config.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { nodeArgv } from './node.ts'

export const postgresPlace = (config: Pick<Config, 'state_dir' | 'run_dir'>) => ({
  data_dir: path.join(config.state_dir, 'postgres'),
  socket_dir: path.join(config.run_dir, 'postgres'),
  port: 5432,
  database: 'croft',
})

export function postgresService(config: Pick<Config, 'state_dir' | 'run_dir' | 'postgres_settings'>): Definition {
  const place = postgresPlace(config)
  const settings = Object.entries(config.postgres_settings).flatMap(([name, value]) => [
    '--setting',
    `${name}=${value}`,
  ])
  const where = ['--data-dir', place.data_dir, '--socket-dir', place.socket_dir, '--port', String(place.port)]
  return {
    service: service({
      name: 'croft-postgres',
      description: "Croft's PostgreSQL",
      argv: nodeArgv('few', 'src/host/postgres/run.ts', ...where, ...settings),
      ready: { kind: 'postgres', ...place },
      // Recovery after a power cut reads the whole log since the last checkpoint.
      ready_timeout_ms: 300_000,
      // Fast shutdown; smart (SIGTERM) would wait for every client.
      stop_signal: 'SIGINT',
      stop_timeout_ms: 60_000,
    }),
    // run.ts prepares by itself, before restarts too.
    prepare: () => Promise.resolve(),
  }
}
