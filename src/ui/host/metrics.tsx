/** What a host uses: its graphs. */
import type { Host } from '../../api/host.ts'
import MetricsPanel from '../metrics/panel.tsx'

export default function HostMetrics({ item }: { item: Host }) {
  return <MetricsPanel kind="host" id={item.id} />
}
