/** How full a pool was: its graph. */
import type { Pool } from '../../api/pool.ts'
import MetricsPanel from '../metrics/panel.tsx'

export default function PoolMetrics({ item }: { item: Pool }) {
  return <MetricsPanel kind="pool" id={item.id} />
}
