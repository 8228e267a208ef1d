/** How long the tiny image takes: to build with its packages at hand, and to be ready as a guest on the emulator. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../src/host/packages.ts'
import { buildTiny } from '../src/images/tiny.ts'
import { runCommand } from '../src/lib/disk-image/command.ts'
import { Guest, restrictedNetwork } from '../test/real/images/guest.ts'
import type { BenchContext, FigureSpec } from './figures.ts'
import { scratch } from '../test/support/scratch.ts'

export const packages_of: readonly Role[] = ['host', 'image']

export const figures: readonly FigureSpec[] = [
  { name: 'image.tiny_build', unit: 's', better: 'less' },
  { name: 'image.tiny_boot', unit: 's', better: 'less' },
]

export async function run({ report, wants }: BenchContext): Promise<void> {
  const dir = await scratch('bench-image')
  try {
    const options = { work_dir: join(tmpdir(), 'croft-test-images'), out: join(dir, 'tiny.qcow2') }
    // Once for the downloads, which say more of the mirror than of the program.
    await buildTiny(options)
    const build_s = await seconds(() => buildTiny(options))
    report({ name: 'image.tiny_build', value: build_s })
    if (!wants('image.tiny_boot')) return
    const drive = ['-drive', `file=${await configDrive(dir)},format=raw,if=virtio,readonly=on`]
    const guest = new Guest({ disk: options.out, dir, args: [...drive, ...restrictedNetwork({})] })
    try {
      report({ name: 'image.tiny_boot', value: await seconds(() => guest.says(/TINY READY .*\r\n/, 120_000)) })
    } finally {
      await guest.kill()
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function configDrive(dir: string): Promise<string> {
  const folder = join(dir, 'drive/openstack/latest')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'meta_data.json'), '{"uuid":"i-1","hostname":"bench"}')
  await runCommand([
    'genisoimage',
    '-quiet',
    '-o',
    join(dir, 'drive.iso'),
    '-V',
    'config-2',
    '-r',
    '-J',
    join(dir, 'drive'),
  ])
  return join(dir, 'drive.iso')
}

async function seconds(act: () => Promise<unknown>): Promise<number> {
  const start_ms = performance.now()
  await act()
  return Math.round(performance.now() - start_ms) / 1000
}
