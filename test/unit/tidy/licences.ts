/** What is shipped with Croft: the packages that a production install brings, with their licences. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Licences that go with Apache-2.0 and ask for no more than to be kept beside the code. */
export const freeLicences: ReadonlySet<string> = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'PostgreSQL',
  // Public domain.
  'Unlicense',
  // Libraries kept whole and apart, in files of their own, as their licences ask; named in NOTICE.
  'MPL-2.0',
  'EPL-2.0 OR GPL-3.0-or-later',
])

export interface Shipped {
  name: string
  licence: string
  /** Named in NOTICE: what Croft asks for itself, and what is under Apache-2.0. */
  to_name: boolean
}

interface Lock {
  packages: Record<string, { dev?: boolean; license?: string; name?: string }>
}

/** Reads the lockfile, so that it does not matter which of the optional ones this machine has. */
export function shippedPackages(root: string): Shipped[] {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Lock
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<string, object>
  const own = new Set(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }))
  return Object.entries(lock.packages).flatMap(([place, { dev, license }]) => {
    if (place === '' || dev) return []
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const licence = license ?? 'none told'
    return [{ name, licence, to_name: own.has(name) || licence === 'Apache-2.0' }]
  })
}
