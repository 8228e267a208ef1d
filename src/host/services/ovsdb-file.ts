/**
 * Database files of ovsdb-server: made if missing, brought to the schema of the installed version.
 * Not its job: what is in them.
 */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { HostError } from '../error.ts'
import { runOk } from '../../lib/process.ts'

/**
 * Only while no server has the file open. `first`: operations (RFC 7047, section 5.2) on the new database.
 * A file that is being made has another name until it is whole.
 */
export async function ensureDatabaseFile(
  file: string,
  schema: string,
  first?: { database: string; operations: readonly object[] },
): Promise<void> {
  if (!existsSync(schema)) throw new HostError(`${schema} is missing: a package of Open vSwitch or OVN is incomplete`)
  if (existsSync(file)) {
    const needs = await runOk(['ovsdb-tool', 'needs-conversion', file, schema])
    if (needs.trim() === 'yes') await runOk(['ovsdb-tool', 'convert', file, schema])
    return
  }
  await mkdir(path.dirname(file), { recursive: true })
  const fresh = `${file}.new-${process.pid}`
  await rm(fresh, { force: true })
  await runOk(['ovsdb-tool', 'create', fresh, schema])
  if (first) await runOk(['ovsdb-tool', 'transact', fresh, JSON.stringify([first.database, ...first.operations])])
  await rename(fresh, file)
  await rm(`${path.dirname(fresh)}/.${path.basename(fresh)}.~lock~`, { force: true })
}
