/**
 * What a call to libvirtd costs with our client, against the real daemon, beside virsh, which starts a process for each.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Libvirt } from '../src/lib/libvirt/index.ts'
import { Daemon } from '../test/real/libvirt/daemon.ts'
import { tinyDomain } from '../test/real/libvirt/guest-xml.ts'

const run = promisify(execFile)

export async function bench(): Promise<{ name: string; value: number; unit: string }[]> {
  await using daemon = await Daemon.start()
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  const tiny = tinyDomain('bench')
  await libvirt.domains.define(tiny.xml)

  const state = () => libvirt.domains.state(tiny)
  await repeat(2_000, 5, state)
  const rate = await repeat(20_000, 5, state)
  const alone = await repeat(5_000, 1, state)
  const uri = `qemu+unix:///system?socket=${daemon.path}`
  const virsh = await repeat(20, 1, () => run('virsh', ['-c', uri, 'domstate', tiny.uuid]))
  return [
    { name: 'libvirt.call_rate', value: rate, unit: '/s' },
    { name: 'libvirt.call_mean', value: 1000 / alone, unit: 'ms' },
    { name: 'libvirt.virsh_ratio', value: alone / virsh, unit: 'x' },
  ]
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
