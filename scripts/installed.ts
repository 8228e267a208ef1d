/**
 * Whether node_modules holds exactly what package-lock.json names for this machine: code 0 if it does. Saves an
 * `npm ci` after an `npm install` or a pull that changed nothing. Part of scripts/ensure.sh.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

type Package = {
  version?: string
  integrity?: string
  optional?: boolean
  os?: string | string[]
  cpu?: string | string[]
  libc?: string[]
}
type Lock = { packages?: Record<string, Package> }

const root = path.join(import.meta.dirname, '..')
const read = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Lock

const wanted = read('package-lock.json').packages ?? {}
// npm's record of what it installed, written when an installation has gone well.
const present = read('node_modules/.package-lock.json').packages ?? {}

// Optional to npm, as each is for one kind of machine: Node, PostgreSQL, what builds the web UI. Those for this kind are not
// optional to Croft, and npm leaves one out without a word when it cannot set it up, or finds itself under too old a Node.
const isHere = ({ os, cpu, libc = ['glibc'] }: Package) =>
  [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch) && libc.includes('glibc')

const differs = Object.entries(wanted).some(([name, wants]) => {
  const { version, integrity, optional } = wants
  const there = present[name]
  if (name === '') return false
  if (there === undefined) return optional !== true || isHere(wants)
  return there.version !== version || there.integrity !== integrity
})
process.exitCode = differs || Object.keys(present).some(name => !(name in wanted)) ? 1 : 0
