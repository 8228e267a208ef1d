/** Changes a host's labels. */
import type { Host } from '../../api/host.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function HostLabels({ item, done }: { item: Host; done: () => void }) {
  return (
    <FormDialog
      title={words('labels.of', { name: item.name })}
      yes={words('save')}
      route={routes.host.update}
      initial={{ labels: item.labels }}
      // All of them: without the last one an empty set is meant.
      toInput={({ labels }) => ({ params: { host: item.id }, body: { labels } })}
      fields={[{ name: 'labels', title: words('labels'), kind: 'tags', help: words('labels.help') }]}
      done={done}
    />
  )
}
