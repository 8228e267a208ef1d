/** The instances on a host, of all projects if one may see them. */
import type { Host } from '../../api/host.ts'
import type { Instance } from '../../api/instance.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { InstanceStateLabel } from '../instance/state.tsx'
import { nameColumn, To } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number, size } from '../parts/time.tsx'
import { useSession } from '../session/session.ts'
import { instancesOf } from './definition.tsx'
import { words } from './text.ts'

export default function HostInstances({ item }: { item: Host }) {
  const { permissions } = useSession()
  const all = permissions.system.includes('instance.read')
  const query = instancesOf(item)
  const { data, error, isPending } = useChoices<Instance>(routes.instance.list, query, { follows: ['instance'] })
  if (isPending) return <Loading />
  return (
    <>
      <ProblemAlert error={error} />
      <SimpleTable
        label={words('instances')}
        items={data?.items}
        keyOf={one => one.id}
        empty={words(all ? 'instances.none' : 'instances.none_ours')}
        columns={[
          nameColumn('instance', words('name')),
          { title: words('state'), cell: one => <InstanceStateLabel instance={one} /> },
          { title: words('vcpus'), cell: one => number(one.vcpus), numeric: true },
          { title: words('memory'), cell: one => size(one.memory_mib, 'MiB'), numeric: true },
          { title: words('disk'), cell: one => size(one.disk_gib, 'GiB'), numeric: true },
        ]}
      />
      {data?.next && (
        <p className="croft-above">
          <To to="/instances" search={{ host_id: item.id, ...(all && { all_projects: 'true' }) }}>
            {words('instances.all')}
          </To>
        </p>
      )}
    </>
  )
}
