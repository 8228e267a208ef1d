/** An instance's disks, and whether each outlives it. */
import type { Instance } from '../../api/instance.ts'
import type { Volume } from '../../api/volume.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Actions } from '../parts/actions.tsx'
import { nameColumn } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { size } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import { keptText, volume } from '../volume/definition.tsx'
import { VolumeStateLabel } from '../volume/state.tsx'
import { words as volumeWords } from '../volume/text.ts'
import { words } from './text.ts'

export default function InstanceDisks({ item }: { item: Instance }) {
  const { data, error, isPending, refetch } = useChoices<Volume>(
    routes.volume.list,
    { instance_id: item.id, sort: 'name' },
    { follows: ['volume', 'instance'] },
  )
  if (isPending) return <Loading />
  if (error) return <ProblemAlert error={error} onRetry={() => void refetch()} />
  return (
    <SimpleTable
      label={words('disks')}
      items={data.items}
      keyOf={one => one.id}
      empty={words('disks.none')}
      columns={[
        nameColumn('volume', words('disks.name')),
        { title: volumeWords('role'), cell: one => volumeWords(`role.${one.role}`) },
        { title: volumeWords('size'), cell: one => size(one.size_mib, 'MiB'), numeric: true },
        { title: volumeWords('bus'), cell: one => one.bus },
        { title: volumeWords('state'), cell: one => <VolumeStateLabel volume={one} /> },
        { title: volumeWords('keep.short'), cell: keptText },
        { title: shared('actions'), numeric: true, cell: one => <Actions noun={volume} items={[one]} layout="row" /> },
      ]}
    />
  )
}
