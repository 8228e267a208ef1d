/** The form that makes instances: sensible choices made already, and what it takes of the quota beside it. */
import { Alert, Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import type { Flavor } from '../../api/flavor.ts'
import type { Image } from '../../api/image.ts'
import { useChoices, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { screenFields } from '../console/screen-settings.tsx'
import { CreatePage, plainInput, type Values } from '../parts/form.tsx'
import { number, size } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { instance } from './definition.tsx'
import { words } from './text.ts'

const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)))

function toInput({ networks, user_data, start_now, ...rest }: Values) {
  const chosen = (networks as string[] | undefined) ?? []
  return plainInput({
    ...rest,
    ...(chosen.length > 0 && { networks: chosen.map(network_id => ({ network_id })) }),
    ...(typeof user_data === 'string' && user_data !== '' && { user_data: base64(user_data) }),
    ...(start_now === false && { start: false }),
  })
}

export default function CreateInstance() {
  return (
    <CreatePage
      noun={instance}
      route={routes.instance.create}
      initial={{ start_now: true }}
      toInput={toInput}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        {
          name: 'image_id',
          title: words('image'),
          kind: 'noun',
          from: routes.image.list,
          query: { sort: 'name' },
          only: one => (one as Image).status === 'ready',
          first: true,
        },
        {
          name: 'flavor_id',
          title: words('flavor'),
          kind: 'noun',
          from: routes.flavor.list,
          query: { sort: 'name' },
          // The smallest first: more is easily chosen.
          order: (one, other) => (one as Flavor).memory_mib - (other as Flavor).memory_mib,
          describe: one => describeFlavor(one as Flavor),
          first: true,
        },
        {
          name: 'networks',
          title: words('networks'),
          kind: 'nouns',
          from: routes.network.list,
          query: { sort: 'name', kind: 'overlay' },
          first: true,
        },
      ]}
      more={[
        { name: 'count', title: words('count'), kind: 'number', help: words('count.help') },
        { name: 'disk_gib', title: words('disk'), kind: 'number', unit: 'GiB', help: words('disk.help') },
        { name: 'tags', title: words('tags'), kind: 'tags' },
        { name: 'user_data', title: words('user_data'), kind: 'area', help: words('user_data.help') },
        ...screenFields(),
        { name: 'start_now', title: words('start_now'), kind: 'yes' },
      ]}
      aside={values => <QuotaLeft values={values} />}
    />
  )
}

function describeFlavor({ vcpus, memory_mib, disk_gib }: Flavor): string {
  return words('size.text', { vcpus, memory: size(memory_mib, 'MiB'), disk: size(disk_gib, 'GiB') })
}

const charged = ['instances', 'vcpus', 'memory_mib', 'storage_gib'] as const

function QuotaLeft({ values }: { values: Values }) {
  const session = useSession()
  const { data } = useRead(
    routes.quota.get,
    {},
    { follows: ['instance', 'volume', 'quota'], enabled: may(session, routes.quota.get) },
  )
  const flavors = useChoices<Flavor>(routes.flavor.list, { sort: 'name' }, { follows: ['flavor'] })
  const flavor = flavors.data?.items.find(one => one.id === values.flavor_id)
  const count = typeof values.count === 'number' ? values.count : 1
  const disk_gib = typeof values.disk_gib === 'number' ? values.disk_gib : (flavor?.disk_gib ?? 0)
  const asked = {
    instances: count,
    vcpus: count * (flavor?.vcpus ?? 0),
    memory_mib: count * (flavor?.memory_mib ?? 0),
    storage_gib: count * disk_gib,
  }
  if (!data) return null
  const rows = charged.flatMap(resource => {
    const found = data.resources.find(one => one.resource === resource)
    return found ? [{ ...found, resource, asked: asked[resource] }] : []
  })
  const short = rows.some(({ limit, used, asked }) => limit !== null && used + asked > limit)
  const shown = (resource: string, value: number) =>
    resource === 'memory_mib' ? size(value, 'MiB') : resource === 'storage_gib' ? size(value, 'GiB') : number(value)
  return (
    <Card isCompact>
      <CardTitle component="h2">{words('quota')}</CardTitle>
      <CardBody>
        <div className="croft-stack">
          {short && <Alert isInline isPlain variant="warning" title={words('quota.short')} />}
          {rows.map(({ resource, limit, used, asked }) =>
            limit === null ? (
              <div key={resource} className="croft-quota">
                <span>{words(resource)}</span> <span className="croft-muted">{words('quota.unlimited')}</span>
              </div>
            ) : (
              <Progress
                key={resource}
                size="sm"
                title={words(resource)}
                value={limit === 0 ? 100 : Math.min(100, (100 * (used + asked)) / limit)}
                label={words('quota.of', {
                  left: shown(resource, Math.max(0, limit - used - asked)),
                  limit: shown(resource, limit),
                })}
                {...(used + asked > limit && { variant: 'danger' as const })}
              />
            ),
          )}
        </div>
      </CardBody>
    </Card>
  )
}
