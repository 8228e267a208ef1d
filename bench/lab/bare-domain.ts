/** A copy of a domain that Croft made, to be started without it: same devices and settings, but an identity and disks of its own. */
import type { Host } from '../../test/lab/bed/bed.ts'

export interface BareCopy {
  /** On the host, for `virsh create`. */
  readonly file: string
  remove(): Promise<void>
}

/** `id` is the domain's UUID, which is also in the names of its files; `uuid` takes its place. */
export async function bareCopy(host: Host, given: { xml: string; id: string; uuid: string }): Promise<BareCopy> {
  const { id, uuid } = given
  const made: string[] = []
  let xml = given.xml.replaceAll(id, uuid).replace(/<name>[^<]*<\/name>/, `<name>${uuid}</name>`)
  for (const [, path] of given.xml.matchAll(/<source file='([^']+)'/g)) {
    if (path === undefined) continue
    const copy = `${path.replaceAll(id, uuid)}.bare`
    await copyDisk(host, path, copy)
    xml = xml.replaceAll(`'${path.replaceAll(id, uuid)}'`, `'${copy}'`)
    made.push(copy)
  }
  const file = `/run/${uuid}.xml`
  await host.must(['tee', file], { input: xml })
  return { file, remove: async () => void (await host.must(['rm', '-f', file, ...made])) }
}

/** What lies over an image becomes a fresh, empty layer over the same image: the guest boots for the first time again. */
async function copyDisk(host: Host, path: string, copy: string): Promise<void> {
  const said = await host.must(['qemu-img', 'info', '--force-share', '--output=json', path])
  const info = JSON.parse(said) as {
    format: string
    'virtual-size': number
    'full-backing-filename'?: string
    'backing-filename-format'?: string
  }
  const below = info['full-backing-filename']
  if (below === undefined) return void (await host.must(['cp', path, copy]))
  const backing = ['-b', below, '-F', info['backing-filename-format'] ?? 'qcow2']
  await host.must(['qemu-img', 'create', '-q', '-f', info.format, ...backing, copy, String(info['virtual-size'])])
}
