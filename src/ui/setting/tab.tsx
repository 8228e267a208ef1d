/** The settings that a zone, cluster, host or project may have for itself, as a tab of its page. */
import type { SettingPlaceKind } from '../../model/setting.ts'
import { SettingList } from './list.tsx'
import { words } from './text.ts'

function tabFor(scope: SettingPlaceKind) {
  return function SettingsTab({ item }: { item: { id: string } }) {
    return (
      <div className="croft-stack">
        <p className="croft-muted">{words('about.place')}</p>
        <SettingList place={{ scope, id: item.id }} />
      </div>
    )
  }
}

export const ZoneSettings = tabFor('zone')
export const ClusterSettings = tabFor('cluster')
export const HostSettings = tabFor('host')
export const ProjectSettings = tabFor('project')
