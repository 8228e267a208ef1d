/** A copy of a domain that Croft made, to be started without it: same devices and settings, but an identity, disks and NICs of its own. */
import { randomBytes, randomUUID } from 'node:crypto'
import { copyFile } from 'node:fs/promises'
import type { Host } from '../../test/lab/bed/bed.ts'

export interface BareCopy {
  /** On the host, for `virsh create`. */
  readonly file: string
  /** On another host where the same images are: its disks, blank over their images, for it to come to. */
  makeRoom(there: Host): Promise<void>
  remove(): Promise<void>
}

interface Copied {
  readonly path: string
  /** Makes it, blank; null: it is as its original. */
  readonly create: readonly string[] | null
}

/** `id` is the domain's UUID, which is also in the names of its files; `uuid` takes its place. */
export async function bareCopy(host: Host, given: { xml: string; id: string; uuid: string }): Promise<BareCopy> {
  const { id, uuid } = given
  const made: Copied[] = []
  let xml = withOwnNics(given.xml)
    .replaceAll(id, uuid)
    .replace(/<name>[^<]*<\/name>/, `<name>${uuid}</name>`)
  // Without it agents leave it alone.
  xml = xml.replace(/<metadata>[^]*?<\/metadata>/, '')
  for (const [, path] of given.xml.matchAll(/<source file='([^']+)'/g)) {
    if (path === undefined) continue
    const copy = `${path.replaceAll(id, uuid)}.bare`
    made.push(await copyDisk(host, path, copy))
    xml = xml.replaceAll(`'${path.replaceAll(id, uuid)}'`, `'${copy}'`)
  }
  const file = `/run/${uuid}.xml`
  await host.must(['tee', file], { input: xml })
  return {
    file,
    async makeRoom(there) {
      for (const { path, create } of made) {
        if (create !== null) await there.must(create)
        else if (there !== host) await copyFile(host.path(path), there.path(path))
      }
    },
    remove: async () => void (await host.must(['rm', '-f', file, ...made.map(({ path }) => path)])),
  }
}

/** Both may run at once on one host. */
function withOwnNics(xml: string): string {
  return xml
    .replaceAll(/<target dev='tap[^']*'/g, () => `<target dev='tap${randomBytes(6).toString('hex')}'`)
    .replaceAll(/interfaceid='[^']*'/g, () => `interfaceid='${randomUUID()}'`)
    .replaceAll(/<mac address='(..:..:..):[^']*'/g, (_, vendor: string) => {
      return `<mac address='${vendor}:${randomBytes(3)
        .toString('hex')
        .replaceAll(/(..)(?!$)/g, '$1:')}'`
    })
}

/** What lies over an image becomes a fresh, empty layer over the same image: the guest boots for the first time again. */
async function copyDisk(host: Host, path: string, copy: string): Promise<Copied> {
  const said = await host.must(['qemu-img', 'info', '--force-share', '--output=json', path])
  const info = JSON.parse(said) as {
    format: string
    'virtual-size': number
    'full-backing-filename'?: string
    'backing-filename-format'?: string
  }
  const below = info['full-backing-filename']
  if (below === undefined) {
    await host.must(['cp', path, copy])
    return { path: copy, create: null }
  }
  const backing = ['-b', below, '-F', info['backing-filename-format'] ?? 'qcow2']
  const size = String(info['virtual-size'])
  const create = ['qemu-img', 'create', '-q', '-f', info.format, ...backing, copy, size]
  await host.must(create)
  return { path: copy, create }
}
