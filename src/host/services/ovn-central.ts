/**
 * OVN's central part: the northbound database, into which the controller writes logical networks; the southbound one, from
 * which hosts take them; and ovn-northd, which translates. Files and sockets where Debian's packages expect them, so that
 * ovn-nbctl and ovn-sbctl work without options (ovn-architecture(7)).
 */
import { mkdir } from 'node:fs/promises'
import { plain_env } from '../../lib/process.ts'
import { type Service, service } from '../service.ts'
import type { Definition } from './definition.ts'
import { ensureDatabaseFile } from './ovsdb-file.ts'

const run = '/run/ovn'
const lib = '/var/lib/ovn'

export const northbound_socket = `${run}/ovnnb_db.sock`
export const southbound_socket = `${run}/ovnsb_db.sock`

type Which = { short: 'nb' | 'sb'; database: string; global: string }

function database({ short, database, global }: Which): Definition {
  const base = `${run}/ovn${short}_db`
  const file = `${lib}/ovn${short}_db.db`
  const tls = ['private_key', 'certificate', 'ca_cert'].map(
    column => `--${column.replace('_', '-')}=db:${database},SSL,${column}`,
  )
  // What Debian's unit has, too: ways in for others, and the keys for them, are what the database's own rows say.
  const listen = [`punix:${base}.sock`, `db:${database},${global},connections`]
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

export function ovnCentral(): Definition[] {
  return [
    database({ short: 'nb', database: 'OVN_Northbound', global: 'NB_Global' }),
    database({ short: 'sb', database: 'OVN_Southbound', global: 'SB_Global' }),
    { service: northd(), prepare: () => Promise.resolve() },
  ]
}
