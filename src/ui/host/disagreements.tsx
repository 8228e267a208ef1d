/** After a restore of the database from an older backup: what this host holds that the database does not know, to be settled one by one or at once. */
import { Alert, Button, Card, CardBody, List, ListItem, Tooltip } from '@patternfly/react-core'
import { useState } from 'react'
import type { Host, hostRoutes } from '../../api/host.ts'
import type { Disagreement } from '../../api/host-disagreement.ts'
import type { BodyOf, ReplyOf } from '../../api/route.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { ConfirmDialog } from '../parts/confirm.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { FormDialog } from '../parts/form.tsx'
import { ThingLink } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { may, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

type Outcome = ReplyOf<typeof hostRoutes.reconcile>
type Asked = BodyOf<typeof hostRoutes.reconcile>

const nameOf = (one: Disagreement) => one.name ?? one.instance_id
const wanted = (power: string | null) => (power === null ? '–' : (words.maybe(`wants.${power}`) ?? power))
const gone = (power: string | null) => power === 'deleted' || power === 'purged'

export default function Disagreements({ item }: { item: Host }) {
  const [outcome, setOutcome] = useState<Outcome>()
  const [failure, setFailure] = useState<unknown>()
  const settle = (body: Asked) => {
    setFailure(undefined)
    setOutcome(undefined)
    call(routes.host.reconcile, { params: { host: item.id }, body }).then(setOutcome, setFailure)
  }
  const ahead = item.disagreements.filter(one => one.kind === 'ahead')
  const none = ahead.length === 0 ? words('why_not.settle_all') : undefined
  return (
    <Card>
      <CardBody>
        <div className="croft-stack">
          <p>{words('disagreements.body')}</p>
          <ProblemAlert error={failure} />
          {outcome && <Settled outcome={outcome} />}
          <div className="croft-head-actions">
            {(['host', 'database'] as const).map(take => (
              <SettleButton
                key={take}
                title={words(`take.${take}.all`)}
                body={words(`take.${take}.body`, { names: ahead.map(nameOf).join(', ') })}
                whyNot={none}
                onYes={() => settle({ take })}
              />
            ))}
          </div>
          <SimpleTable
            label={words('disagreements')}
            items={item.disagreements}
            keyOf={one => one.instance_id}
            empty={words('disagreements.none')}
            columns={[
              {
                title: words('name'),
                cell: one => (
                  <ThingLink noun="instance" id={one.kind === 'orphaned' ? null : one.instance_id}>
                    {nameOf(one)}
                  </ThingLink>
                ),
              },
              {
                title: words('disagreements.kind'),
                cell: one => (
                  <StateLabel
                    tone={one.kind === 'ahead' || one.kind === 'orphaned' ? 'warn' : 'bad'}
                    why={words(`kind.${one.kind}.why`)}
                  >
                    {words(`kind.${one.kind}`)}
                  </StateLabel>
                ),
              },
              { title: words('host_wants'), cell: one => wanted(one.host_wants) },
              { title: words('database_wants'), cell: one => wanted(one.database_wants) },
              { title: shared('actions'), cell: one => <Acts host={item} one={one} settle={settle} /> },
            ]}
          />
        </div>
      </CardBody>
    </Card>
  )
}

function Settled({ outcome: { settled, left } }: { outcome: Outcome }) {
  return (
    <Alert
      isInline
      variant={left.length === 0 ? 'success' : 'warning'}
      title={words('settled', { settled: settled.length, left: left.length })}
    >
      {left.length > 0 && (
        <List>
          {left.map(one => (
            <ListItem key={one.instance_id}>
              {one.name ?? one.instance_id}: {one.reason}
            </ListItem>
          ))}
        </List>
      )}
    </Alert>
  )
}

/** Of what another host has, or none: whose word counts is vouched for, one by one. */
function WhereActs({ kind, name, onTake }: WhereProps) {
  return (
    <span className="croft-head-actions">
      {(['host', 'database'] as const).map(take => (
        <SettleButton
          key={take}
          inline
          danger
          title={words(`${kind}.${take}`)}
          body={words(`${kind}.${take}.body`, { name })}
          onYes={() => onTake(take)}
        />
      ))}
    </span>
  )
}

interface WhereProps {
  kind: 'elsewhere' | 'missing'
  name: string
  onTake(take: Asked['take']): void
}

function Acts({ host, one, settle }: { host: Host; one: Disagreement; settle(body: Asked): void }) {
  const instance_ids = [one.instance_id]
  const name = nameOf(one)
  if (one.purging) return <StateLabel tone="busy">{words('purging')}</StateLabel>
  if (one.kind === 'moving') return <span className="croft-muted">{words('kind.moving.do')}</span>
  if (one.kind === 'elsewhere' || one.kind === 'missing')
    return <WhereActs kind={one.kind} name={name} onTake={take => settle({ take, instance_ids })} />
  if (one.kind === 'orphaned')
    return (
      <span className="croft-head-actions">
        <CallButton
          title={words('adopt')}
          label={words('adopt.of', { name })}
          route={routes.host.adopt}
          input={{ params: { host: host.id }, body: { instance_id: one.instance_id } }}
          confirm={{ title: words('adopt.of', { name }), body: words('adopt.body') }}
        />
        <DialogButton
          title={words('purge')}
          label={words('purge.of', { name })}
          variant="link"
          isInline
          route={routes.host.purgeOrphan}
          dialog={done => <PurgeDialog host={host} one={one} done={done} />}
        />
      </span>
    )
  const deletes = gone(one.database_wants) && !gone(one.host_wants)
  return (
    <span className="croft-head-actions">
      <SettleButton
        inline
        title={words('take.host')}
        body={words('take.host.body', { names: name })}
        onYes={() => settle({ take: 'host', instance_ids })}
      />
      <SettleButton
        inline
        danger={deletes}
        title={words('take.database')}
        body={words(deletes ? 'take.database.deletes' : 'take.database.body', { names: name })}
        onYes={() => settle({ take: 'database', instance_ids, ...(deletes && { deleted_ids: instance_ids }) })}
      />
    </span>
  )
}

function PurgeDialog({ host, one, done }: { host: Host; one: Disagreement; done(): void }) {
  return (
    <FormDialog
      title={words('purge.of', { name: nameOf(one) })}
      yes={words('purge')}
      route={routes.host.purgeOrphan}
      toInput={({ name }) => ({ params: { host: host.id }, body: { instance_id: one.instance_id, name } })}
      fields={[
        { name: 'name', title: words('purge.name'), kind: 'text', help: words('purge.help', { name: nameOf(one) }) },
      ]}
      done={done}
    />
  )
}

interface SettleProps {
  title: string
  body: string
  inline?: boolean
  danger?: boolean
  whyNot?: string | undefined
  onYes(): void
}

function SettleButton({ title, body, inline = false, danger = false, whyNot, onYes }: SettleProps) {
  const session = useSession()
  const [asking, setAsking] = useState(false)
  const why = may(session, routes.host.reconcile)
    ? whyNot
    : shared('why_not.permission', { permission: routes.host.reconcile.needs ?? '' })
  const button = (
    <Button
      variant={inline ? 'link' : 'secondary'}
      size="sm"
      isInline={inline}
      isDanger={danger && why === undefined}
      isAriaDisabled={why !== undefined}
      onClick={() => why === undefined && setAsking(true)}
    >
      {title}
    </Button>
  )
  return (
    <>
      {why === undefined ? button : <Tooltip content={why}>{button}</Tooltip>}
      {asking && (
        <ConfirmDialog
          title={title}
          body={body}
          yes={title}
          danger={danger}
          onYes={() => {
            setAsking(false)
            onYes()
          }}
          onNo={() => setAsking(false)}
        />
      )}
    </>
  )
}
