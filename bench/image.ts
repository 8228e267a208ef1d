/** How long the tiny image takes: to build with its packages at hand, and to be ready as a guest on the emulator. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildTiny } from '../src/images/tiny.ts'
import { Guest, restrictedNetwork } from '../test/real/images/guest.ts'

export async function bench(): Promise<{ name: string; value: number; unit: string }[]> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-image-'))
  try {
    const options = { work_dir: join(tmpdir(), 'croft-test-images'), out: join(dir, 'tiny.qcow2') }
    // Once for the downloads, which say more of the mirror than of the program.
    await buildTiny(options)
    const build_s = await seconds(() => buildTiny(options))
    const guest = new Guest({ disk: options.out, dir, args: restrictedNetwork({}) })
    try {
      const boot_s = await seconds(() => guest.says(/TINY READY .*\r\n/, 120_000))
      return [
        { name: 'image.tiny_build', value: build_s, unit: 's' },
        { name: 'image.tiny_boot', value: boot_s, unit: 's' },
      ]
    } finally {
      await guest.kill()
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function seconds(act: () => Promise<unknown>): Promise<number> {
  const start_ms = performance.now()
  await act()
  return Math.round(performance.now() - start_ms) / 1000
}
