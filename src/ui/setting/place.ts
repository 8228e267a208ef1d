/** For which part of the cloud settings are shown: in the page's address, and as routes take it. */
import { type SettingPlaceKind, settingPlaces } from '../../model/setting.ts'

export interface SettingPlace {
  scope: SettingPlaceKind
  id: string
}

const fields = { zone: 'zone_id', cluster: 'cluster_id', host: 'host_id', project: 'project_id' } as const

/** As routes name it; nothing for the whole cloud. */
export function asked(place: SettingPlace | null): { [Key in (typeof fields)[SettingPlaceKind]]?: string } {
  return place ? { [fields[place.scope]]: place.id } : {}
}

/** From an address such as ?host_id=…; null for the whole cloud. */
export function placeIn(search: Readonly<Record<string, unknown>>): SettingPlace | null {
  const scope = settingPlaces.find(one => typeof search[fields[one]] === 'string')
  return scope ? { scope, id: String(search[fields[scope]]) } : null
}
