/** Gives an instance other vCPUs or memory where it is. */
import type { Instance } from '../../api/instance.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { size } from '../parts/time.tsx'
import { words } from './text.ts'

export default function ResizeInstance({ item, done }: { item: Instance; done: () => void }) {
  return (
    <FormDialog
      title={words('resize.of', { name: item.name })}
      yes={words('resize')}
      route={routes.instance.resize}
      initial={{ vcpus: item.vcpus, memory_mib: item.memory_mib }}
      toInput={({ vcpus, memory_mib }) => ({
        params: { instance: item.id },
        if_match: item.version,
        body: { vcpus, memory_mib },
      })}
      fields={[
        {
          name: 'vcpus',
          title: words('resize.vcpus'),
          kind: 'number',
          help: words('resize.most', { most: String(item.vcpus_max) }),
        },
        {
          name: 'memory_mib',
          title: words('resize.memory'),
          kind: 'number',
          unit: 'MiB',
          help: words('resize.most', { most: size(item.memory_max_mib, 'MiB') }),
        },
      ]}
      done={done}
    />
  )
}
