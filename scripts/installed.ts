/**
 * Whether node_modules holds exactly what package-lock.json names for this machine: code 0 if it does. Saves an
 * `npm ci` after an `npm install` or a pull that changed nothing. Part of scripts/ensure.sh.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

type Lock = { packages?: Record<string, { version?: string; integrity?: string; optional?: boolean }> }

const root = path.join(import.meta.dirname, '..')
const read = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Lock

const wanted = read('package-lock.json').packages ?? {}
// npm's record of what it installed, written when an installation has gone well.
const present = read('node_modules/.package-lock.json').packages ?? {}

const differs = Object.entries(wanted).some(([name, { version, integrity, optional }]) => {
  const there = present[name]
  if (name === '') return false
  if (there === undefined) return optional !== true
  return there.version !== version || there.integrity !== integrity
})
process.exitCode = differs || Object.keys(present).some(name => !(name in wanted)) ? 1 : 0
