/** Reading and changing settings, for the cloud or a part of it; setting-values.ts says which there are, settings-in-force.ts holds their values. */
import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { Setting, SettingChange, SettingPlace, settingRoutes, SettingValue } from '../../api/setting.ts'
import type { QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { settingPlaces } from '../../model/setting.ts'
import { shapeAt, wordsOf } from '../../model/shape-words.ts'
import { unitOf } from '../../model/units.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Db, Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { applyLimits } from '../store/host-limits.ts'
import type { Page } from '../store/page.ts'
import { type Place, setting, type SettingRow } from '../store/setting.ts'
import { by, type Caller, forbidden, mayInDomain, mayOnSystem } from './caller.ts'
import { change } from './change.ts'
import { mustBeOffered } from './instance-cpu.ts'
import { namesFor } from './names.ts'
import { checkSetting, isSettingName, type SettingName, settingTable } from './setting-values.ts'
import { Settings } from './settings-in-force.ts'

type Needs = 'setting.read' | 'setting.manage'

/**
 * The part of the cloud that is named, if one is. Throws invalid for more than one, not_found, and forbidden: a project's are for who
 * holds the permission in its domain, all others for who holds it on the system.
 */
async function placeOf(db: Db, caller: Caller, needs: Needs, asked: SettingPlace): Promise<Place | null> {
  const named = settingPlaces.filter(scope => asked[`${scope}_id`] !== undefined)
  if (named.length > 1) {
    throw new CloudError('invalid', `Name one part of the cloud, not ${named.length}: ${named.join(', ')}.`)
  }
  const [scope] = named
  if (scope !== 'project' && !mayOnSystem(caller, needs)) throw forbidden(needs, 'on the whole system')
  if (!scope) return null
  const id = String(asked[`${scope}_id`])
  const found = await setting.place(db, scope, id)
  if (!found || (found.domain_id !== null && !mayInDomain(caller, needs, found.domain_id))) throw notFound(scope, id)
  return found
}

/** Global values, and those of the place and of what it lies in. */
async function rowsFor(db: Db, place: Place | null) {
  const global = await setting.list(db)
  const ids = place ? [place.id, ...place.above.map(one => one.id)] : []
  return { global, scoped: place ? await setting.scoped(db, ids) : [] }
}

function toSetting(
  name: SettingName,
  place: Place | null,
  { global, scoped }: Awaited<ReturnType<typeof rowsFor>>,
): Omit<Setting, 'updated_by_name'> {
  const { schema, fallback, summary, scopes } = settingTable[name]
  interface Level {
    source: Setting['source']
    id: string | null
    name: string | null
    row: SettingRow | undefined
  }
  const parts = place ? [place, ...place.above] : []
  const levels: Level[] = [
    ...parts.map(one => ({
      source: one.scope,
      id: one.id,
      name: one.name,
      row: scoped.find(row => row.name === name && row.scope_id === one.id),
    })),
    { source: 'global', id: null, name: null, row: global.find(row => row.name === name) },
  ]
  const held = levels.find(one => one.row)
  const above = levels.slice(1).find(one => one.row)
  return {
    name,
    value: held?.row ? held.row.value : fallback,
    default: fallback,
    summary,
    expected: schema,
    updated_at: held?.row?.updated_at.toISOString() ?? null,
    updated_by: held?.row?.updated_by ?? null,
    scopes: [...scopes],
    source: held?.source ?? 'default',
    source_id: held?.id ?? null,
    source_name: held?.name ?? null,
    own: levels[0]?.row !== undefined,
    inherited: above?.row ? above.row.value : fallback,
  }
}

export async function listSettings(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof settingRoutes.list>,
): Promise<{ items: Setting[]; next: null }> {
  const { db } = cloud.database
  const place = await placeOf(db, caller, 'setting.read', query)
  const rows = await rowsFor(db, place)
  const names = Object.keys(settingTable).filter(isSettingName)
  const there = place ? names.filter(name => isFor(name, place)) : names
  const items = there.map(name => toSetting(name, place, rows))
  return { items: await withNames(db, caller, items), next: null }
}

/** With who gave them their values, for who may see those users. */
async function withNames<T extends { updated_by: string | null }>(
  db: Db,
  caller: Caller,
  items: readonly T[],
): Promise<(T & { updated_by_name: string | null })[]> {
  const names = await namesFor(
    db,
    caller,
    items.map(one => ({ noun: 'user', id: one.updated_by })),
  )
  return items.map(one => ({ ...one, updated_by_name: names.get(one.updated_by ?? '') ?? null }))
}

async function withName(db: Db, caller: Caller, found: Omit<Setting, 'updated_by_name'>): Promise<Setting> {
  const [named] = await withNames(db, caller, [found])
  return named ?? { ...found, updated_by_name: null }
}

const isFor = (name: SettingName, { scope }: Place) => settingTable[name].scopes.some(one => one === scope)

function known(name: string): SettingName {
  if (isSettingName(name)) return name
  throw new CloudError('not_found', `There is no setting ${name}. All that there are: croft setting list.`, {
    noun: 'setting',
    id: name,
  })
}

/** Settings in whose place something has a field of its own, and how that is set. */
const ownField: Partial<Record<SettingName, { scope: Place['scope']; command(name: string): string }>> = {
  'host.reserved_memory_mib': {
    scope: 'host',
    command: name => `croft host update ${name} --reserved-memory-mib MIB`,
  },
}

/** Throws invalid where the setting cannot differ from the rest of the cloud. */
function knownAt(name: string, place: Place | null): SettingName {
  const checked = known(name)
  if (!place || isFor(checked, place)) return checked
  const { scopes } = settingTable[checked]
  const where = scopes.length === 0 ? 'the whole cloud alone' : `the whole cloud, and for: ${scopes.join(', ')}`
  const own = ownField[checked]
  const instead = own?.scope === place.scope ? ` It is a field of the ${place.scope}: ${own.command(place.name)}.` : ''
  throw new CloudError(
    'invalid',
    `The setting ${checked} is for ${where}. It has no value for a ${place.scope}.${instead}`,
  )
}

export async function getSetting(cloud: Cloud, caller: Caller, name: string, at: SettingPlace): Promise<Setting> {
  const { db } = cloud.database
  const place = await placeOf(db, caller, 'setting.read', at)
  return await withName(db, caller, toSetting(knownAt(name, place), place, await rowsFor(db, place)))
}

export async function settingValues(
  cloud: Cloud,
  caller: Caller,
  name: string,
  at: SettingPlace,
): Promise<{ items: SettingValue[]; next: null }> {
  const { db } = cloud.database
  const place = await placeOf(db, caller, 'setting.read', at)
  const items = await setting.valuesOf(db, knownAt(name, place), place)
  return { items: await withNames(db, caller, items), next: null }
}

/** `name`: null for all settings. Of a part of the cloud that was named, what was set for that very part. */
export async function settingHistory(
  cloud: Cloud,
  caller: Caller,
  name: string | null,
  query: QueryOf<typeof settingRoutes.history>,
): Promise<Page<SettingChange>> {
  const { db } = cloud.database
  const place = await placeOf(db, caller, 'setting.read', query)
  const { limit, cursor, sort } = query
  const asked = { limit, cursor, sort, name: name === null ? null : knownAt(name, place), place }
  const { items, next } = await setting.history(db, asked)
  const names = await namesFor(
    db,
    caller,
    items.map(one => ({ noun: 'user', id: one.user_id })),
  )
  return { items: items.map(one => ({ ...one, user: names.get(one.user_id ?? '') ?? null })), next }
}

/** A nil id stands for the setting's name, which is not one; the detail names it. */
const nil = '00000000-0000-0000-0000-000000000000'

/** Refuses, saying what the setting takes. */
function checkValue(name: SettingName, value: unknown): void {
  const { schema } = settingTable[name]
  const [fault] = Value.Errors(schema, value)
  // What is no list where one is wanted is told with an example of one.
  const is_no_list = fault?.keyword === 'type' && 'items' in schema
  if (!fault || is_no_list) return checkSetting(name, value)
  const words = wordsOf(fault, shapeAt(schema, fault.schemaPath))
  const more = fault.keyword === 'type' ? amountsOf(name, schema) : ''
  throw new CloudError('invalid', `The setting ${name} ${words}${more}.`, { name, expected: schema })
}

/** Of what is no number at all, such as "30s": of which unit, and how many. */
function amountsOf(
  name: SettingName,
  schema: TSchema & { enum?: readonly unknown[]; minimum?: number; maximum?: number },
): string {
  const unit = unitOf(name)
  const { enum: words, minimum, maximum } = schema
  const range = minimum !== undefined && maximum !== undefined ? `, from ${minimum} to ${maximum}` : ''
  return `${unit === null ? '' : ` of ${unit}`}${words ? `: ${words.join(', ')}` : range}`
}

export async function setSetting(
  cloud: Cloud,
  caller: Caller,
  name: string,
  { value, ...at }: SettingPlace & { value: unknown },
): Promise<Setting> {
  const checked = known(name)
  checkValue(checked, value)
  if (checked === 'scheduler.modules') {
    // They are read to see whether they can be: only for who may set them, and before anything is locked.
    knownAt(checked, await placeOf(cloud.database.db, caller, 'setting.manage', at))
    await cloud.modules.mustLoad(value as string[])
  }
  if (checked === 'instance.cpu_model') {
    knownAt(checked, await placeOf(cloud.database.db, caller, 'setting.manage', at))
    await mustBeOffered(cloud.database.db, value as string)
  }
  return await inForce(
    cloud,
    change(cloud, caller, tx => write(cloud, tx, caller, name, { at, value })),
  )
}

export function resetSetting(cloud: Cloud, caller: Caller, name: string, at: SettingPlace): Promise<null> {
  return inForce(
    cloud,
    change(cloud, caller, async tx => {
      await write(cloud, tx, caller, name, { at, value: undefined })
      return null
    }),
  )
}

/** The controller that answers goes by it already; the others follow as the database tells them. */
async function inForce<T>(cloud: Cloud, changed: Promise<T>): Promise<T> {
  const answered = await changed
  await cloud.settings.read(cloud.database.db)
  return answered
}

/** `value` undefined: none of its own. What changes nothing leaves no trace. */
async function write(
  cloud: Cloud,
  tx: Tx,
  caller: Caller,
  name: string,
  { at, value }: { at: SettingPlace; value: unknown },
): Promise<Setting> {
  const place = await placeOf(tx, caller, 'setting.manage', at)
  const checked = knownAt(name, place)
  await setting.lock(tx)
  const was = toSetting(checked, place, await rowsFor(tx, place))
  const before = was.own ? was.value : undefined
  if (was.own === (value !== undefined) && isDeepStrictEqual(before, value)) return await withName(tx, caller, was)
  const { user_id } = caller
  if (value === undefined) await (place ? setting.removeAt(tx, checked, place) : setting.remove(tx, checked))
  else await (place ? setting.putAt(tx, checked, place, value, user_id) : setting.put(tx, checked, value, user_id))
  const where = { scope: place?.scope ?? ('global' as const), scope_id: place?.id ?? null }
  const scope_name = place?.name ?? null
  await setting.note(tx, { id: makeId(cloud), name: checked, ...where, scope_name, before, after: value, user_id })
  const what = { noun: 'setting', kind: 'changed', resource_id: nil, project_id: null }
  await event.record(tx, [{ ...what, ...by(caller), detail: { name: checked, ...where } }])
  await event.notify(tx, 'croft_setting', '')
  if (checked === 'host.reserved_memory_mib') await reserveAnew(cloud, tx, place)
  return await withName(tx, caller, toSetting(checked, place, await rowsFor(tx, place)))
}

/** What may be promised of hosts hangs on it, and is kept with them. */
async function reserveAnew(cloud: Cloud, tx: Tx, place: Place | null): Promise<void> {
  const settings = new Settings(cloud.database)
  await settings.read(tx)
  for (const { id, zone_id } of await setting.clusters(tx, place)) {
    const reserved_mib = settings.at('host.reserved_memory_mib', { cluster_id: id, zone_id })
    await applyLimits(tx, { cluster_id: id }, reserved_mib)
  }
}
