/** The watchdog of highly available guests as a service, beside the agent that it must outlive. */
import path from 'node:path'
import type { Config } from '../../config.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { node_env, nodeArgv } from './node.ts'

export function watchdogService(config: Pick<Config, 'run_dir'>): Definition {
  const run_dir = path.join(config.run_dir, 'agent')
  return {
    service: service({
      name: 'croft-watchdog',
      description: 'stops highly available guests when this host has no lease',
      argv: nodeArgv('few', 'src/agent/watchdog/main.ts', '--run', run_dir),
      env: { ...node_env },
      ready: { kind: 'socket', path: path.join(run_dir, 'watchdog.sock') },
      // It stays while guests that it guards run: without the agent, until their lease is over.
      stop_timeout_ms: 45_000,
      restart: { first_ms: 100, max_ms: 500 },
    }),
    prepare: () => Promise.resolve(),
  }
}
