/** Reading and changing settings; setting-values.ts says which there are, and holds the values in force. */
import type { Setting } from '../../api/setting.ts'
import { notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { setting, type SettingRow } from '../store/setting.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { checkSetting, isSettingName, type SettingName, settingTable } from './setting-values.ts'

function toSetting(name: SettingName, row: SettingRow | undefined): Setting {
  const { schema, fallback, summary } = settingTable[name]
  return {
    name,
    value: row ? row.value : fallback,
    default: fallback,
    summary,
    expected: schema,
    updated_at: row?.updated_at.toISOString() ?? null,
    updated_by: row?.updated_by ?? null,
  }
}

export async function listSettings(cloud: Cloud): Promise<{ items: Setting[]; next: null }> {
  const rows = await setting.list(cloud.database.db)
  const names = Object.keys(settingTable).filter(isSettingName)
  return {
    items: names.map(name =>
      toSetting(
        name,
        rows.find(row => row.name === name),
      ),
    ),
    next: null,
  }
}

function known(name: string): SettingName {
  if (!isSettingName(name)) throw notFound('setting', name)
  return name
}

export async function getSetting(cloud: Cloud, name: string): Promise<Setting> {
  const rows = await setting.list(cloud.database.db)
  return toSetting(
    known(name),
    rows.find(row => row.name === name),
  )
}

/** A nil id stands for the setting's name, which is not one; the detail names it. */
const nil = '00000000-0000-0000-0000-000000000000'

async function tell(tx: Tx, caller: Caller, name: string): Promise<void> {
  const detail = { name }
  await event.record(tx, [
    { noun: 'setting', kind: 'changed', resource_id: nil, project_id: null, ...by(caller), detail },
  ])
  await event.notify(tx, 'croft_setting', '')
}

export function setSetting(cloud: Cloud, caller: Caller, name: string, value: unknown): Promise<Setting> {
  const checked = known(name)
  checkSetting(checked, value)
  return change(cloud, caller, async tx => {
    const row = await setting.put(tx, checked, value, caller.user_id)
    await tell(tx, caller, checked)
    return toSetting(checked, row)
  })
}

export function resetSetting(cloud: Cloud, caller: Caller, name: string): Promise<null> {
  const checked = known(name)
  return change(cloud, caller, async tx => {
    await setting.remove(tx, checked)
    await tell(tx, caller, checked)
    return null
  })
}
