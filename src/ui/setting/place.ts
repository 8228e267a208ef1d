/** For which part of the cloud settings are shown: in the page's address, and as routes take it. */
import { type SettingPlaceKind, settingPlaces } from '../../model/setting.ts'
import type { Session } from '../../api/session.ts'
import { may, type Needing } from '../session/session.ts'

export interface SettingPlace {
  scope: SettingPlaceKind
  id: string
}

const fields = { zone: 'zone_id', cluster: 'cluster_id', host: 'host_id', project: 'project_id' } as const

/** As routes name it; nothing for the whole cloud. */
export function asked(place: SettingPlace | null): { [Key in (typeof fields)[SettingPlaceKind]]?: string } {
  return place ? { [fields[place.scope]]: place.id } : {}
}

/** Whether it may be asked for there: a project's by who holds the permission in a domain, which the server looks at; all else takes it on the system. */
export function mayAt(session: Session, route: Needing, place: SettingPlace | null): boolean {
  return may(session, place?.scope === 'project' ? route : { ...route, level: 'system' })
}

/** From an address such as ?host_id=…; null for the whole cloud. */
export function placeIn(search: Readonly<Record<string, unknown>>): SettingPlace | null {
  const scope = settingPlaces.find(one => typeof search[fields[one]] === 'string')
  return scope ? { scope, id: String(search[fields[scope]]) } : null
}
