/**
 * Names in package-lock.json the optional packages of other platforms that npm left out (it does when it cannot fetch
 * them), without which `npm ci` refuses the lockfile. Run it after changing dependencies:
 *
 *   sh scripts/node.sh scripts/complete-lock.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version?: string
  dev?: boolean
  optionalDependencies?: Record<string, string>
  [field: string]: unknown
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Entry> }

/** What a platform package runs on, by the words of its name; null when the name does not say. */
function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } | null {
  const os = /(android|darwin|freebsd|linux|openharmony|win32)/.exec(name)?.[1]
  const cpu = /(arm64|x64|ia32|ppc64|riscv64|s390x)/.exec(name)?.[1] ?? (/[-.]arm(-|$)/.test(name) ? 'arm' : undefined)
  if (!os || !cpu) return null
  const libc = /musl(eabihf)?$/.test(name) ? 'musl' : /gnu(eabihf)?$/.test(name) ? 'glibc' : undefined
  return { os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) }
}

let added = 0
for (const parent of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    const platform = platformOf(name)
    if (lock.packages[key] || !/^\d/.test(version) || !platform) continue
    lock.packages[key] = { version, ...(parent.dev && { dev: true }), optional: true, ...platform }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} packages named`)
