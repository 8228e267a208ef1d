/** Changes a host's name, its cluster, where others reach it, and what is kept back for itself. */
import type { Host } from '../../api/host.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function HostSettings({ item, done }: { item: Host; done: () => void }) {
  const { name, reserved_memory_mib, reserved_vcpus, tunnel_address } = item
  return (
    <FormDialog
      title={words('settings.of', { name })}
      yes={words('save')}
      route={routes.host.update}
      initial={{
        name,
        cluster_id: item.cluster_id,
        ...(tunnel_address !== null && { tunnel_address }),
        ...(reserved_memory_mib !== null && { reserved_memory_mib }),
        ...(reserved_vcpus !== null && { reserved_vcpus }),
      }}
      // What is left empty is as the settings say.
      toInput={({
        name: called,
        cluster_id,
        tunnel_address: typed,
        reserved_memory_mib: memory = null,
        reserved_vcpus: vcpus = null,
      }) => ({
        params: { host: item.id },
        body: {
          name: called,
          reserved_memory_mib: memory,
          reserved_vcpus: vcpus,
          ...(cluster_id !== item.cluster_id && { cluster_id }),
          // Not named unless it changes: it may be told meanwhile.
          ...((typed || null) !== tunnel_address && { tunnel_address: typed || null }),
        },
      })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', required: true },
        { name: 'tunnel_address', title: words('tunnel'), kind: 'text', help: words('tunnel.help') },
        {
          name: 'cluster_id',
          title: words('cluster'),
          kind: 'noun',
          from: routes.cluster.list,
          query: { sort: 'name' },
          required: true,
          help: words('cluster.help'),
        },
        {
          name: 'reserved_memory_mib',
          title: words('reserved.memory'),
          kind: 'number',
          unit: 'MiB',
          help: words('reserved.memory.help'),
        },
        { name: 'reserved_vcpus', title: words('reserved.vcpus'), kind: 'number', help: words('reserved.vcpus.help') },
      ]}
      done={done}
    />
  )
}
