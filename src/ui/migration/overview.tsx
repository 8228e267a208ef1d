/** One migration: what has gone over, how fast, what is left, and how long the guest pauses for it. */
import { Alert, Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import type { Migration, MigrationProgress } from '../../api/migration.ts'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { words } from './text.ts'

export default function MigrationOverview({ item }: { item: Migration }) {
  const { waits_for, reason, outcome, progress } = item
  return (
    <div className="croft-stack">
      {waits_for !== null && <Alert isInline variant="warning" title={<Told text={waits_for} />} />}
      {reason !== null && (
        <Alert isInline variant={outcome === 'failed' ? 'danger' : 'info'} title={<Told text={reason} />} />
      )}
      {progress && (
        <Card>
          <CardTitle component="h2">{words('progress')}</CardTitle>
          <CardBody>
            {outcome === null && <Progress value={item.percent ?? 0} aria-label={words('progress')} />}
            <Figures progress={progress} />
          </CardBody>
        </Card>
      )}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [
                words('instance'),
                <ThingLink key="instance" noun="instance" id={item.instance_id}>
                  {item.instance}
                </ThingLink>,
              ],
              [words('kind'), words(`kind.${item.kind}`)],
              [words('cause'), words.maybe(`cause.${item.cause}`) ?? item.cause],
              [
                words('source'),
                <ThingLink key="source" noun="host" id={item.source_host_id}>
                  {item.source_host}
                </ThingLink>,
              ],
              [
                words('target'),
                <ThingLink key="target" noun="host" id={item.target_host_id}>
                  {item.target_host}
                </ThingLink>,
              ],
              [words('copied'), <Copied key="copied" ids={item.copied_volumes} />],
              [words('limits'), limitsOf(item)],
              [words('created'), <Time key="created" at={item.created_at} seconds />],
              [words('switched'), <Time key="switched" at={item.switched_at} seconds />],
              [words('ended'), <Time key="ended" at={item.ended_at} seconds />],
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}

function Figures({ progress }: { progress: MigrationProgress }) {
  const left = (left: number, total: number) => words('left_of', { left: size(left), total: size(total) })
  return (
    <Facts
      facts={[
        progress.memory_total_bytes > 0 && [
          words('memory'),
          left(progress.memory_left_bytes, progress.memory_total_bytes),
        ],
        progress.disk_total_bytes > 0 && [words('disks'), left(progress.disk_left_bytes, progress.disk_total_bytes)],
        [words('rate'), words('per_s', { rate: size(progress.rate_bytes_s) })],
        [words('elapsed'), words('seconds', { n: number(progress.elapsed_ms / 1000, 1) })],
        progress.downtime_ms !== null && [words('downtime'), words('ms', { n: number(progress.downtime_ms) })],
        progress.postcopy && [words('postcopy'), words('postcopy.on')],
      ]}
    />
  )
}

function Copied({ ids }: { ids: readonly string[] }) {
  if (ids.length === 0) return <>{words('copied.none')}</>
  return (
    <>
      {ids.map((id, n) => (
        <span key={id}>
          {n > 0 && ', '}
          <NameOf noun="volume" id={id} />
        </span>
      ))}
    </>
  )
}

function limitsOf({ options }: Migration): string {
  const { bandwidth_mib_s, downtime_ms_max, auto_converge, postcopy_after_s, timeout_s } = options
  const limits = [
    bandwidth_mib_s ? words('limit.bandwidth', { n: number(bandwidth_mib_s) }) : '',
    downtime_ms_max ? words('limit.downtime', { n: number(downtime_ms_max) }) : '',
    auto_converge ? words('limit.auto_converge') : '',
    postcopy_after_s ? words('limit.postcopy', { n: number(postcopy_after_s) }) : '',
    timeout_s ? words('limit.timeout', { n: number(timeout_s) }) : '',
  ].filter(text => text !== '')
  return limits.length > 0 ? limits.join(', ') : '–'
}
