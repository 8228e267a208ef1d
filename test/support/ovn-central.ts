/**
 * OVN central for tests: northbound and southbound databases and ovn-northd as children on unix sockets, without hosts.
 * Not its job: chassis with traffic (the lab).
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { northbound, type Northbound } from '../../src/controller/ovn/index.ts'
import { connectOvsdb, type OvsdbClient, operations as op } from '../../src/lib/ovsdb/index.ts'
import { killChild, run, serveFile, startChild } from './ovsdb-server.ts'
import { scratch } from './scratch.ts'

export interface OvnCentral {
  readonly northbound: string
  readonly southbound: string
  connect(): Promise<OvsdbClient<Northbound>>
  nbctl(...args: string[]): Promise<string>
  sbctl(...args: string[]): Promise<string>
  /** What becomes of a packet; `ct` are the states that conntrack finds, one a lookup. ovn-trace(8) */
  trace(microflow: string, ct?: readonly string[]): Promise<string>
  /** What ovn-northd had to say so far. */
  northdLog(): Promise<string>
  [Symbol.asyncDispose](): Promise<void>
}

export async function startOvnCentral(): Promise<OvnCentral> {
  const directory = await scratch('croft-ovn')
  const [nbFile, sbFile] = ['nb', 'sb'].map(name => join(directory, `${name}.db`)) as [string, string]
  await run('ovsdb-tool', ['create', nbFile, '/usr/share/ovn/ovn-nb.ovsschema'])
  await run('ovsdb-tool', ['create', sbFile, '/usr/share/ovn/ovn-sb.ovsschema'])
  const [nb, sb] = [serveFile(directory, nbFile, 'nb.sock'), serveFile(directory, sbFile, 'sb.sock')]
  const connect = () => connectOvsdb({ remotes: [nb.remote], database: northbound, backoff_min_ms: 10 })
  const first = await connect()
  await first.transact([op.insert('NB_Global', {})])
  first.close()
  const southbound = await connectOvsdb({ remotes: [sb.remote], database: 'OVN_Southbound', backoff_min_ms: 10 })
  southbound.close()
  const northdArgs = [
    `--ovnnb-db=${nb.remote}`,
    `--ovnsb-db=${sb.remote}`,
    `--unixctl=${directory}/northd.ctl`,
    '-vconsole:off',
    `--log-file=${directory}/northd.log`,
  ]
  const northd = startChild('ovn-northd', northdArgs, directory)
  const text = async (command: string, args: readonly string[]) => (await run(command, args)).stdout
  return {
    northbound: nb.remote,
    southbound: sb.remote,
    connect,
    nbctl: (...args) => text('ovn-nbctl', [`--db=${nb.remote}`, ...args]),
    sbctl: (...args) => text('ovn-sbctl', [`--db=${sb.remote}`, ...args]),
    trace: (microflow, ct = []) =>
      text('ovn-trace', [
        `--db=${sb.remote}`,
        ...ct.map(state => `--ct=${state}`),
        '--no-friendly-names',
        '--summary',
        microflow,
      ]),
    northdLog: () => readFile(join(directory, 'northd.log'), 'utf8'),
    async [Symbol.asyncDispose]() {
      await killChild(northd)
      await nb.kill()
      await sb.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
