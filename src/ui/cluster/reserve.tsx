/** What a cluster keeps free for hosts that may be lost, and whether that suffices. */
import { Alert, Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Cluster } from '../../api/cluster.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { number, size } from '../parts/time.tsx'
import { words } from './text.ts'

const mib = (value: number) => size(value, 'MiB')

export function ClusterReserve({ cluster }: { cluster: Cluster }) {
  const params = { cluster: cluster.id }
  const { data, error } = useRead(routes.cluster.reserve, { params }, { follows: ['cluster', 'host', 'instance'] })
  const n = cluster.ha_failures_tolerated
  const lacking = data?.hardware.filter(one => one.lacking > 0) ?? []
  const short = data !== undefined && (data.lacking_memory_mib > 0 || data.lacking_vcpus > 0 || lacking.length > 0)
  // It suffices, and there is nothing beside it; or so many are tolerated that no host would be left.
  const full = data !== undefined && !short && data.obstacle !== null
  const pieces = data && !short && !full && data.without_place.length > 0
  return (
    <Card>
      <CardTitle component="h2">{words('reserve')}</CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        {data && n === 0 && <p>{words('reserve.none')}</p>}
        {data && n > 0 && (
          <>
            <Alert
              isInline
              isPlain
              variant={short ? 'danger' : full || pieces ? 'warning' : 'success'}
              title={short ? words('reserve.short', { n }) : full ? words('reserve.full') : words('reserve.ok', { n })}
            >
              {short && n < data.hosts ? words('reserve.short.why') : data.obstacle}
              {pieces && words('reserve.pieces', { names: data.without_place.map(one => one.name).join(', ') })}
            </Alert>
            <Facts
              facts={[
                [
                  words('reserve.room'),
                  short ? '–' : `${number(data.room_vcpus)} ${words('vcpus')}, ${mib(data.room_memory_mib)}`,
                ],
                ...data.hardware.map((one): [string, string] => [
                  one.name,
                  one.lacking > 0
                    ? words('reserve.lacking', { n: number(one.lacking) })
                    : words('reserve.of', { room: number(one.room), needed: number(one.needed) }),
                ]),
                [
                  words('reserve.instances'),
                  `${number(data.ha_instances)} (${number(data.ha_vcpus)} ${words('vcpus')}, ${mib(data.ha_memory_mib)})`,
                ],
                // With none of them there is nothing to lose, and all hosts are alike.
                data.ha_instances > 0 &&
                  ([
                    words('reserve.worst'),
                    <>
                      {data.worst_hosts.map(({ id, name }) => (
                        <span key={id}>
                          <ThingLink noun="host" id={id}>
                            {name}
                          </ThingLink>{' '}
                        </span>
                      ))}
                      <span className="croft-muted">{words('reserve.worst.why')}</span>
                    </>,
                  ] as const),
              ]}
            />
          </>
        )}
      </CardBody>
    </Card>
  )
}
