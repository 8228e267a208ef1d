/** Who sits at an instance's consoles, live; taking over; and links to look on. */
import { Button, Card, CardBody, CardTitle, ClipboardCopy, FormSelect, FormSelectOption } from '@patternfly/react-core'
import { useState } from 'react'
import type { ConsoleViewer } from '../../api/console.ts'
import type { Route } from '../../api/route.ts'
import type { ShownKind } from '../../model/console.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { ask, call, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export function useViewers(instance: string) {
  return useRead(routes.console.list, { params: { instance } }, { follows: ['console'], of: instance })
}

/** Its effect is seen in the list; a refusal is told. */
function act(route: Route, input: LooseInput): void {
  ask(route, input).catch((error: unknown) => operations.said(words('refused'), { variant: 'danger', error }))
}

function nameOf({ user, link_id }: ConsoleViewer, own: boolean): string {
  const name = user ?? words('who.unknown')
  if (link_id !== null) return words('who.link', { user: name })
  return own ? words('who.you', { user: name }) : name
}

export function Viewers({ instance, own }: { instance: string; own: string | undefined }) {
  const session = useSession()
  const answer = useViewers(instance)
  const operates = may(session, routes.console.update)
  if (answer.error) return <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
  const acts = (one: ConsoleViewer) => {
    const params = { instance, console: one.id }
    const user = one.user ?? words('who.unknown')
    const change = one.view_only ? 'give' : 'take'
    return (
      <span className="croft-console-acts">
        {/* SPICE cannot be held to looking on. */}
        {one.link_id === null && one.kind !== 'spice' && (
          <Button
            variant="secondary"
            size="sm"
            aria-label={words(`${change}.of`, { user })}
            onClick={() => act(routes.console.update, { params, body: { view_only: !one.view_only } })}
          >
            {words(change)}
          </Button>
        )}
        <Button
          variant="secondary"
          size="sm"
          isDanger
          aria-label={words('end.of', { user })}
          onClick={() => act(routes.console.delete, { params })}
        >
          {words('end')}
        </Button>
      </span>
    )
  }
  return (
    <Card isCompact>
      <CardTitle component="h2">{words('viewers')}</CardTitle>
      <CardBody className="croft-stack">
        {operates && <TakeOver instance={instance} viewers={answer.data?.items ?? []} own={own} />}
        <SimpleTable
          label={words('viewers')}
          items={answer.data?.items}
          keyOf={one => one.id}
          empty={words('viewers.none')}
          columns={[
            { title: words('who'), cell: one => nameOf(one, one.id === own) },
            { title: words('console'), cell: one => words(one.kind) },
            { title: words('may'), cell: one => words(one.view_only ? 'may.look' : 'may.type') },
            { title: words('since'), cell: one => <Time at={one.opened_at} /> },
            { title: words('from'), cell: one => <code>{one.address}</code> },
            ...(operates ? [{ title: shared('actions'), cell: acts }] : []),
          ]}
        />
      </CardBody>
    </Card>
  )
}

/** One's own console types, and no other; SPICE's, which none can be held back at, is not meant. */
function TakeOver({ instance, viewers, own }: { instance: string; viewers: ConsoleViewer[]; own: string | undefined }) {
  const mine = viewers.find(one => one.id === own)
  const others = viewers.filter(one => one.id !== own && one.kind !== 'spice' && !one.view_only)
  if (!mine || mine.kind === 'spice' || (others.length === 0 && !mine.view_only)) return null
  const set = (one: ConsoleViewer, view_only: boolean) =>
    act(routes.console.update, { params: { instance, console: one.id }, body: { view_only } })
  return (
    <div>
      <Button
        variant="secondary"
        size="sm"
        onClick={() => {
          if (mine.view_only) set(mine, false)
          for (const one of others) set(one, true)
        }}
      >
        {words('take.over')}
      </Button>
    </div>
  )
}

const choices = [5, 15, 60, 480, 1440] as const
const lengthOf = (minutes: number) =>
  minutes < 60 ? words('link.minutes.n', { n: minutes }) : words('link.hours.n', { n: minutes / 60 })

export function Links({ instance, kind }: { instance: string; kind: ShownKind }) {
  const session = useSession()
  const operates = may(session, routes['console-link'].list)
  const answer = useRead(
    routes['console-link'].list,
    { params: { instance } },
    { follows: ['console-link', 'console'], of: instance, enabled: operates },
  )
  const [minutes, setMinutes] = useState(15)
  const [made, setMade] = useState<string>()
  if (!operates) return null
  const create = async () => {
    try {
      const { url } = await call(routes['console-link'].create, { params: { instance }, body: { kind, minutes } })
      setMade(`${location.origin}${url}`)
    } catch (error) {
      operations.said(words('refused'), { variant: 'danger', error })
    }
  }
  return (
    <Card isCompact>
      <CardTitle component="h2">{words('links')}</CardTitle>
      <CardBody className="croft-stack">
        <p className="croft-muted">{words('links.about')}</p>
        <div className="croft-console-bar">
          <FormSelect
            value={minutes}
            aria-label={words('link.minutes')}
            onChange={(_, value) => setMinutes(Number(value))}
            className="croft-number"
          >
            {choices.map(one => (
              <FormSelectOption key={one} value={one} label={lengthOf(one)} />
            ))}
          </FormSelect>
          <Button variant="secondary" onClick={() => void create()}>
            {words('link.create')}
          </Button>
        </div>
        {made && (
          <div>
            <p>{words('link.made')}</p>
            <ClipboardCopy
              isReadOnly
              hoverTip={words('link.copy')}
              clickTip={words('link.copy')}
              textAriaLabel={words('links')}
            >
              {made}
            </ClipboardCopy>
          </div>
        )}
        <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
        <SimpleTable
          label={words('links')}
          items={answer.data?.items}
          keyOf={one => one.id}
          empty={words('links.none')}
          columns={[
            { title: words('console'), cell: one => words(one.kind) },
            { title: words('who'), cell: one => one.user ?? words('who.unknown') },
            { title: words('link.viewers'), cell: one => one.viewers, numeric: true },
            { title: words('link.until'), cell: one => <Time at={one.expires_at} /> },
            {
              title: shared('actions'),
              cell: one => (
                <Button
                  variant="secondary"
                  size="sm"
                  isDanger
                  onClick={() => act(routes['console-link'].delete, { params: { instance, console_link: one.id } })}
                >
                  {words('link.delete')}
                </Button>
              ),
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}
