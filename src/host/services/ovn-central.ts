/**
 * OVN's central part: the northbound database, into which the controller writes logical networks; the southbound one, from
 * which hosts take them; and ovn-northd, which translates. Files and sockets where Debian's packages expect them, so that
 * ovn-nbctl and ovn-sbctl work without options (ovn-architecture(7)).
 */
import { mkdir } from 'node:fs/promises'
import { plain_env, runOk } from '../process.ts'
import { type Service, service } from '../service.ts'
import type { Definition } from './definition.ts'
import { ensureDatabaseFile } from './ovsdb-file.ts'

const run = '/run/ovn'
const lib = '/var/lib/ovn'

export const northbound_socket = `${run}/ovnnb_db.sock`
export const southbound_socket = `${run}/ovnsb_db.sock`

export type OvnCentralOptions = {
  /**
   * More ways to the southbound database, for other hosts, in the words of ovsdb-server(1): `pssl:6642:ADDRESS` (with the
   * key and certificates that the database's table SSL names), or `ptcp:6642:ADDRESS`, which everyone on the network may
   * write to.
   */
  southbound_remotes?: readonly string[]
}

type Which = { short: 'nb' | 'sb'; database: string; global: string; remotes: readonly string[] }

function database({ short, database, global, remotes }: Which): Definition {
  const base = `${run}/ovn${short}_db`
  const file = `${lib}/ovn${short}_db.db`
  const tls = ['private_key', 'certificate', 'ca_cert'].map(
    column => `--${column.replace('_', '-')}=db:${database},SSL,${column}`,
  )
  const listen = [`punix:${base}.sock`, `db:${database},${global},connections`, ...remotes]
  return {
    service: service({
      name: `croft-ovn-${short}`,
      description: `OVN's ${short === 'nb' ? 'northbound' : 'southbound'} database`,
      argv: [
        'ovsdb-server',
        '--no-chdir',
        '-vconsole:info',
        '-vsyslog:off',
        `--pidfile=${base}.pid`,
        `--unixctl=${base}.ctl`,
        ...tls,
        ...listen.map(remote => `--remote=${remote}`),
        file,
      ],
      env: { ...plain_env },
      ready: { kind: 'socket', path: `${base}.sock` },
      debian_unit: `ovn-ovsdb-server-${short}.service`,
    }),
    async prepare() {
      await mkdir(run, { recursive: true })
      await ensureDatabaseFile(file, `/usr/share/ovn/ovn-${short}.ovsschema`)
    },
  }
}

function northd(): Service {
  const base = `${run}/ovn-northd`
  return service({
    name: 'croft-ovn-northd',
    description: 'translates logical networks into flows',
    argv: [
      'ovn-northd',
      '--no-chdir',
      '-vconsole:info',
      '-vsyslog:off',
      `--pidfile=${base}.pid`,
      `--unixctl=${base}.ctl`,
      `--ovnnb-db=unix:${northbound_socket}`,
      `--ovnsb-db=unix:${southbound_socket}`,
    ],
    env: { ...plain_env },
    debian_unit: 'ovn-northd.service',
  })
}

/**
 * Opens the southbound database to other hosts where Debian's units run it: those take no options of ours, but the ways in that
 * the database itself names. Idempotent; the database must run.
 */
export async function openSouthbound(remote: string, socket = southbound_socket): Promise<void> {
  const sbctl = ['ovn-sbctl', `--db=unix:${socket}`, '--timeout=30']
  const there = await runOk([...sbctl, 'get-connection'])
  // A line is the remote, perhaps with a role and whether it may only read before it.
  if (there.split('\n').some(line => line.trim().split(' ').includes(remote))) return
  const create = ['--id=@c', 'create', 'Connection', `target="${remote}"`]
  await runOk([...sbctl, '--', ...create, '--', 'add', 'SB_Global', '.', 'connections', '@c'])
}

export function ovnCentral(options: OvnCentralOptions = {}): Definition[] {
  const remotes = options.southbound_remotes ?? []
  return [
    database({ short: 'nb', database: 'OVN_Northbound', global: 'NB_Global', remotes: [] }),
    database({ short: 'sb', database: 'OVN_Southbound', global: 'SB_Global', remotes }),
    { service: northd(), prepare: () => Promise.resolve() },
  ]
}
