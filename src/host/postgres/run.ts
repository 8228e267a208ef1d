/**
 * The program of the service croft-postgres: makes all ready, then becomes the server (same process id), so that whoever
 * supervises it sees PostgreSQL itself. Runs again before each restart, which clears a killed server's locks.
 *
 *   run.ts --data-dir DIR --socket-dir DIR [--port N] [--tcp]
 */
import { parseArgs } from 'node:util'
import { ProgramError } from '../../lib/process.ts'
import { HostError } from '../error.ts'
import { preparePostgres } from '../postgres.ts'

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    'socket-dir': { type: 'string' },
    port: { type: 'string', default: '5432' },
    tcp: { type: 'boolean', default: false },
    setting: { type: 'string', multiple: true, default: [] },
  },
})
const data_dir = values['data-dir']
const socket_dir = values['socket-dir']
if (!data_dir || !socket_dir) throw new TypeError('--data-dir and --socket-dir are needed')

try {
  const settings = Object.fromEntries(values.setting.map(text => text.split(/=(.*)/s, 2) as [string, string]))
  const prepared = await preparePostgres({ data_dir, socket_dir, port: Number(values.port), tcp: values.tcp, settings })
  process.chdir(prepared.cwd)
  const program = prepared.argv[0] ?? ''
  const file = program.includes('/') ? program : `/usr/bin/${program}`
  if (!process.execve) throw new HostError('this Node cannot execve(2): run Croft on the Node that it brings')
  process.execve(file, prepared.argv, prepared.env)
} catch (error) {
  if (!(error instanceof HostError || error instanceof ProgramError)) throw error
  console.error(error.message)
  if (error instanceof HostError && error.mend) console.error(error.mend)
  process.exitCode = 1
}
