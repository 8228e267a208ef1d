/** Over every page of an operator: a zone in which nothing is fenced, since too many hosts vanished at once. */
import type { Zone } from '../../api/zone.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { StormAlert } from './storm.tsx'

export default function StormBanner() {
  const { data } = useChoices<Zone>(routes.zone.list, {}, { follows: ['zone'] })
  const zones = (data?.items ?? []).filter(zone => zone.storm && zone.storm.overridden_at === null)
  return (
    <>
      {zones.map(zone => (
        <StormAlert key={zone.id} zone={zone} />
      ))}
    </>
  )
}
