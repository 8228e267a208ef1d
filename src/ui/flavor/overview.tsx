/** What a flavor is. */
import type { Flavor } from '../../api/flavor.ts'
import { Facts } from '../parts/facts.tsx'
import { TagList } from '../parts/tags.tsx'
import { size, Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function FlavorOverview({ item }: { item: Flavor }) {
  return (
    <Facts
      facts={[
        [words('vcpus'), item.vcpus],
        [words('memory'), size(item.memory_mib, 'MiB')],
        [words('disk'), size(item.disk_gib, 'GiB')],
        [words('ephemeral'), item.ephemeral_gib === 0 ? '–' : size(item.ephemeral_gib, 'GiB')],
        [words('swap'), item.swap_mib === 0 ? '–' : size(item.swap_mib, 'MiB')],
        [words('properties'), <TagList key="properties" tags={item.properties} />],
        [words('created'), <Time key="created" at={item.created_at} />],
      ]}
    />
  )
}
