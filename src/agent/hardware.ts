/**
 * By what this machine is known, read and kept: what it was when it joined lies beside its key, so that a copy of the whole disk finds
 * that it runs on other hardware. Compared by hardware-gate.ts.
 */
import { readlink, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Compile } from 'typebox/compile'
import { runProgram } from '../lib/linuxnet/program.ts'
import { type HardwareId, hardwareId } from '../model/hardware-id.ts'
import { HardwareId as HardwareIdShape } from '../protocol/hardware-id.ts'
import { readText } from './facts/text.ts'
import { keep, readKept } from './kept.ts'

export interface HardwareSource {
  /** For tests: another root of /sys. */
  readonly root?: string
  /** NICs as ip-link(8) tells them in JSON. */
  links?(): Promise<string>
}

const link_argv = ['ip', '-json', 'link', 'show']

/** Empty where the machine says nothing: in containers, on boards whose makers set nothing. */
export async function readHardware(source: HardwareSource = {}): Promise<HardwareId> {
  const sys = join(source.root ?? '/', 'sys')
  const links = source.links ?? (() => runProgram(link_argv))
  const board = await readText(join(sys, 'class/dmi/id/product_uuid'))
  return hardwareId({ board, nics: await permanentAddresses(sys, links) })
}

interface Link {
  readonly ifname?: unknown
  readonly address?: unknown
  /** Where it is not the address that it has now, as in a bond. */
  readonly permaddr?: unknown
}

/** Of NICs that are the machine's own: with a device below, on no USB, no virtual function. Without ip(8) nothing is known. */
async function permanentAddresses(sys: string, read: () => Promise<string>): Promise<string[]> {
  const links = await read().then(
    (text): unknown => JSON.parse(text),
    (): unknown => [],
  )
  if (!Array.isArray(links)) return []
  const found = await Promise.all(
    links.map(async ({ ifname, address, permaddr }: Link) => {
      if (typeof ifname !== 'string' || ifname.includes('/')) return []
      const device = join(sys, 'class/net', ifname, 'device')
      const bus = await readlink(join(device, 'subsystem')).then(basename, () => '')
      const is_function = await stat(join(device, 'physfn')).then(
        () => true,
        () => false,
      )
      // Without a word of its permanent address it is the one that it has, unless somebody has set that.
      const is_set =
        permaddr === undefined && (await readText(join(sys, 'class/net', ifname, 'addr_assign_type'))) !== '0'
      const own = permaddr ?? address
      return bus === '' || bus === 'usb' || is_function || is_set || typeof own !== 'string' ? [] : [own]
    }),
  )
  return found.flat()
}

const file = 'hardware.json'
const check = Compile(HardwareIdShape)

/** Null when nothing was kept yet. Throws when the file is there and cannot be read. */
export function keptHardware(state_dir: string): Promise<HardwareId | null> {
  return readKept(state_dir, file, check, 'remove it if this machine is the one that joined')
}

export function keepHardware(state_dir: string, hardware: HardwareId): Promise<void> {
  return keep(state_dir, file, hardware)
}

export function forgetHardware(state_dir: string): Promise<void> {
  return rm(join(state_dir, file), { force: true })
}

/** As requests and the hello carry it: nothing where it says nothing. */
export function saidOf(hardware: HardwareId): { hardware?: { board?: string; nics?: string[] } } {
  const { board, nics = [] } = hardware
  if (board === undefined && nics.length === 0) return {}
  return { hardware: { ...(board !== undefined && { board }), ...(nics.length > 0 && { nics: [...nics] }) } }
}
