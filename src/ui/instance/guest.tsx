/** What the guest of a running instance says through its agent, asked when the page is opened; and commands in it. */
import { Button, Card, CardBody, CardHeader, CardTitle, Progress, SearchInput } from '@patternfly/react-core'
import { useState } from 'react'
import type { Guest } from '../../api/instance-guest.ts'
import type { Instance } from '../../api/instance.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { DialogButton } from '../parts/dialog-button.tsx'
import { Empty } from '../parts/empty.tsx'
import { Facts } from '../parts/facts.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { size, Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { RunCommand } from './guest-command.tsx'
import { words } from './guest-text.ts'

export default function InstanceGuest({ item }: { item: Instance }) {
  const runs = item.state === 'running' || item.state === 'migrating'
  const connected = item.guest_agent === 'connected'
  const guest = useRead(
    routes.instance.guest,
    { params: { instance: item.id } },
    { follows: ['instance'], of: item.id, enabled: runs && connected },
  )
  if (!runs) return <Empty title={words('off.title')}>{words('off.body')}</Empty>
  if (!connected) return <Empty title={words('none.title')}>{words('none.body')}</Empty>
  if (guest.isPending) return <Loading />
  return (
    <div className="croft-stack">
      <ProblemAlert error={guest.error} onRetry={() => void guest.refetch()} />
      {guest.data && (
        <>
          <System item={item} guest={guest.data} busy={guest.isFetching} again={() => void guest.refetch()} />
          <FileSystems items={guest.data.file_systems} />
          <Interfaces items={guest.data.interfaces} />
          <Users items={guest.data.users} />
        </>
      )}
      <Applications item={item} />
    </div>
  )
}

function System({ item, guest, busy, again }: { item: Instance; guest: Guest; busy: boolean; again(): void }) {
  const { os, hostname, time_zone, agent_version, read_at, runs_commands } = guest
  const session = useSession()
  return (
    <Card>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <>
              <Button variant="link" size="sm" isLoading={busy} onClick={again}>
                {words('again')}
              </Button>
              {may(session, routes.instance.exec, item.id) && (
                <DialogButton
                  title={words('run')}
                  route={routes.instance.exec}
                  whyNot={runs_commands ? undefined : words('run.blocked')}
                  dialog={done => <RunCommand item={item} done={done} />}
                />
              )}
            </>
          ),
        }}
      >
        <CardTitle component="h2">{words('system')}</CardTitle>
      </CardHeader>
      <CardBody>
        <div className="croft-stack">
          <Facts
            facts={[
              [words('system'), os?.name],
              os?.version != null && [words('version'), os.version],
              [words('kernel'), [os?.kernel, os?.machine].filter(Boolean).join(' · ') || '–'],
              [words('hostname'), hostname],
              [
                words('time_zone'),
                time_zone && [time_zone.name, offsetText(time_zone.offset_s)].filter(Boolean).join(', '),
              ],
              [words('agent'), agent_version && `qemu-ga ${agent_version}`],
              [words('read_at'), <Time key="read" at={read_at} />],
            ]}
          />
          <p className="croft-muted">{words('said')}</p>
        </div>
      </CardBody>
    </Card>
  )
}

function offsetText(offset_s: number): string {
  const minutes = Math.round(Math.abs(offset_s) / 60)
  const part = (value: number) => String(value).padStart(2, '0')
  return `UTC${offset_s < 0 ? '−' : '+'}${part(Math.floor(minutes / 60))}:${part(minutes % 60)}`
}

/** From here on it should be seen to. */
const warn_percent = 80
const danger_percent = 92

function FileSystems({ items }: { items: Guest['file_systems'] }) {
  return (
    <Card>
      <CardTitle component="h2">{words('file_systems')}</CardTitle>
      <CardBody>
        <SimpleTable
          label={words('file_systems')}
          items={items}
          keyOf={one => `${one.mount} ${one.device}`}
          empty={words('file_systems.none')}
          columns={[
            { title: words('mount'), cell: one => <code>{one.mount}</code> },
            { title: words('device'), cell: one => <code>{one.device || '–'}</code> },
            { title: words('type'), cell: one => one.type || '–' },
            { title: words('used'), cell: one => <Used {...one} /> },
          ]}
        />
      </CardBody>
    </Card>
  )
}

function Used({ mount, total_bytes, used_bytes }: Guest['file_systems'][number]) {
  if (total_bytes === null || used_bytes === null || total_bytes === 0) return <>–</>
  const percent = Math.min(100, Math.round((100 * used_bytes) / total_bytes))
  return (
    <>
      {words('used.text', { used: size(used_bytes), total: size(total_bytes) })}
      <Progress
        size="sm"
        measureLocation="outside"
        value={percent}
        aria-label={words('used.of', { mount })}
        {...(percent >= danger_percent ? { variant: 'danger' } : percent >= warn_percent && { variant: 'warning' })}
      />
    </>
  )
}

function Interfaces({ items }: { items: Guest['interfaces'] }) {
  return (
    <Card>
      <CardTitle component="h2">{words('interfaces')}</CardTitle>
      <CardBody>
        <SimpleTable
          label={words('interfaces')}
          items={items}
          keyOf={one => one.name}
          empty={words('interfaces.none')}
          columns={[
            { title: words('name'), cell: one => <code>{one.name}</code> },
            { title: words('mac'), cell: one => <code>{one.mac ?? '–'}</code> },
            {
              title: words('addresses'),
              cell: one => <code>{one.addresses.map(each => `${each.address}/${each.prefix}`).join(', ') || '–'}</code>,
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}

function Users({ items }: { items: Guest['users'] }) {
  return (
    <Card>
      <CardTitle component="h2">{words('users')}</CardTitle>
      <CardBody>
        <SimpleTable
          label={words('users')}
          items={items.map((one, at) => ({ ...one, at }))}
          keyOf={one => String(one.at)}
          empty={words('users.none')}
          columns={[
            { title: words('user'), cell: one => (one.domain === null ? one.name : `${one.domain}\\${one.name}`) },
            { title: words('since'), cell: one => <Time at={one.signed_in_at} /> },
          ]}
        />
      </CardBody>
    </Card>
  )
}

/** More rows than these nobody reads: one looks for a name. */
const shown_max = 200

/** A program is run in the guest for it: only when asked for. */
function Applications({ item }: { item: Instance }) {
  const session = useSession()
  const [asked, setAsked] = useState(false)
  const [search, setSearch] = useState('')
  const found = useRead(routes.instance.guestApplications, { params: { instance: item.id } }, { enabled: asked })
  if (!may(session, routes.instance.guestApplications, item.id)) return null
  const all = found.data?.items ?? []
  const fitting = all.filter(one => one.name.includes(search.trim().toLowerCase()))
  const shown = fitting.slice(0, shown_max)
  return (
    <Card>
      <CardTitle component="h2">{words('applications')}</CardTitle>
      <CardBody>
        <div className="croft-stack">
          <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />
          {!asked && (
            <div>
              <p className="croft-muted">{words('applications.body')}</p>
              <Button variant="secondary" size="sm" onClick={() => setAsked(true)}>
                {words('applications.show')}
              </Button>
            </div>
          )}
          {asked && found.isPending && <Loading />}
          {found.data && found.data.manager === null && <p className="croft-muted">{words('applications.none')}</p>}
          {found.data && found.data.manager !== null && (
            <>
              <SearchInput
                aria-label={words('applications.find')}
                placeholder={words('applications.find')}
                value={search}
                onChange={(_, text) => setSearch(text)}
                onClear={() => setSearch('')}
              />
              <p className="croft-muted" role="status">
                {words('applications.shown', { shown: shown.length, all: all.length })}
                {found.data.truncated && ' …'}
              </p>
              <SimpleTable
                label={words('applications')}
                items={shown}
                keyOf={one => `${one.name} ${one.version}`}
                empty={words('applications.nothing')}
                columns={[
                  { title: words('name'), cell: one => one.name },
                  { title: words('version'), cell: one => <code>{one.version}</code> },
                ]}
              />
            </>
          )}
        </div>
      </CardBody>
    </Card>
  )
}
