/** What an API key is good for; never its secret. */
import type { ApiKey } from '../../api/api-key.ts'
import { PlaceName } from '../grant/names.tsx'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { Expires } from './definition.tsx'
import { words } from './text.ts'

export default function ApiKeyOverview({ item }: { item: ApiKey }) {
  return (
    <Facts
      facts={[
        [words('project'), item.project_id ? <PlaceName key="project" noun="project" id={item.project_id} /> : null],
        [words('expires'), <Expires key="expires" apiKey={item} />],
        [words('last_used'), item.last_used_at ? <Time key="used" at={item.last_used_at} /> : words('last_used.never')],
        [words('created'), <Time key="created" at={item.created_at} />],
      ]}
    />
  )
}
