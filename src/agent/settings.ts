/** The agent's arguments: where its files and its host's daemons are, and what they stand for. */
import { parseArgs } from 'node:util'
import { peerPort } from '../protocol/peer.ts'
import { dump_directory } from './drivers/libvirt/dumps.ts'
import type { DatapathChoice } from './drivers/ovs/datapath.ts'

const options = {
  state: { type: 'string', default: '/var/lib/croft/agent' },
  run: { type: 'string', default: '/run/croft/agent' },
  /** Disks, images and config drives; below the state unless it has a file system of its own. */
  pool: { type: 'string' },
  libvirt: { type: 'string', default: '/run/libvirt/libvirt-sock' },
  network: { type: 'string', default: 'ovs' },
  'ovs-run': { type: 'string', default: '/run/openvswitch' },
  'tunnel-address': { type: 'string', default: '127.0.0.1' },
  'tunnel-nic': { type: 'string' },
  /** On the tunnel's address, for other hosts' agents, while an instance comes from one. */
  'peer-port': { type: 'string', default: String(peerPort) },
  /** Where libvirt writes what a guest's watchdog has it dump: auto_dump_path of qemu.conf. */
  'dump-dir': { type: 'string', default: dump_directory },
  /** Of libvirt: NVRAM of before, and where TPMs work. */
  'libvirt-dir': { type: 'string', default: '/var/lib/libvirt' },
  datapath: { type: 'string', default: 'auto' },
  'cpu-model': { type: 'string', default: 'host-model' },
  'log-level': { type: 'string', default: 'info' },
  controller: { type: 'string' },
  token: { type: 'string' },
  name: { type: 'string' },
} as const

export type Settings = ReturnType<typeof readSettings>['settings']

export function readSettings() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  return { settings: values, command: positionals[0] ?? 'run' }
}

export function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--peer-port ${text}: 0 to 65535`)
  return port
}

export function datapathChoice(text: string): DatapathChoice {
  if (text === 'auto' || text === 'netdev' || text === 'system') return text
  throw new Error(`--datapath ${text}: auto, netdev or system`)
}
