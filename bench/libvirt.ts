/**
 * What a call to libvirtd costs with our client, against the real daemon, beside virsh, which starts a process for each.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Role } from '../src/host/packages.ts'
import { Libvirt } from '../src/lib/libvirt/index.ts'
import { Daemon } from '../test/real/libvirt/daemon.ts'
import { tinyDomain } from '../test/real/libvirt/guest-xml.ts'
import type { BenchContext, FigureSpec } from './figures.ts'

const runProgram = promisify(execFile)

export const packages_of: readonly Role[] = ['host']

export const figures: readonly FigureSpec[] = [
  { name: 'libvirt.call_rate', unit: '/s', better: 'more' },
  { name: 'libvirt.call_mean', unit: 'ms', better: 'less' },
  { name: 'libvirt.virsh_ratio', unit: 'x', better: 'less' },
]

export async function run({ report }: BenchContext): Promise<void> {
  await using daemon = await Daemon.start()
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  const tiny = tinyDomain('bench')
  await libvirt.domains.define(tiny.xml)

  const state = () => libvirt.domains.state(tiny)
  await repeat(2_000, 5, state)
  const rate = await repeat(20_000, 5, state)
  const alone = await repeat(5_000, 1, state)
  const uri = `qemu+unix:///system?socket=${daemon.path}`
  const virsh = await repeat(20, 1, () => runProgram('virsh', ['-c', uri, 'domstate', tiny.uuid]))
  report({ name: 'libvirt.call_rate', value: rate })
  report({ name: 'libvirt.call_mean', value: 1000 / alone })
  report({ name: 'libvirt.virsh_ratio', value: alone / virsh })
}

/** Calls a second. */
async function repeat(count: number, at_once: number, call: () => Promise<unknown>): Promise<number> {
  const start_ms = performance.now()
  let left = count
  const worker = async () => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: at_once }, worker))
  return count / ((performance.now() - start_ms) / 1000)
}
