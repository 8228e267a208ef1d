/** For which part of the cloud settings are shown: in the page's address, and as routes take it. */
import { type SettingPlaceKind, settingPlaces } from '../../model/setting.ts'

export interface SettingPlace {
  scope: SettingPlaceKind
  id: string
}

/** As routes name it; nothing for the whole cloud. */
export function asked(place: SettingPlace | null): { [Key in `${SettingPlaceKind}_id`]?: string } {
  return place ? { [`${place.scope}_id`]: place.id } : {}
}

/** From an address such as ?host_id=…; null for the whole cloud. */
export function placeIn(search: Readonly<Record<string, unknown>>): SettingPlace | null {
  const scope = settingPlaces.find(one => typeof search[`${one}_id`] === 'string')
  return scope ? { scope, id: String(search[`${scope}_id`]) } : null
}
