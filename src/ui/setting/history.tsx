/** What a setting was before, where and by whom; and the parts of the cloud that have a value of their own now. */
import { Modal, ModalBody, ModalHeader, Switch } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import type { SettingChange, SettingValue } from '../../api/setting.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { useSession } from '../session/session.ts'
import { asked, mayAt, type SettingPlace } from './place.ts'
import { words } from './text.ts'
import { textOf } from './value.ts'

const shown_max = 200

const follows = { follows: ['setting'] as const }

interface HistoryProps {
  /** Of one setting; null: of all. */
  name: string | null
  /** What was set for this part of the cloud alone; null: wherever it was. */
  place: SettingPlace | null
  done(): void
}

export default function SettingHistory({ name, place, done }: HistoryProps) {
  const session = useSession()
  const [here, setHere] = useState(true)
  const at = here ? place : null
  return (
    <HistoryModal title={name === null ? words('history') : words('history.of', { name })} done={done}>
      {place && mayAt(session, routes.setting.history, null) && (
        <Switch
          id="setting-history-here"
          label={words('history.here')}
          isChecked={here}
          onChange={(_, only) => setHere(only)}
        />
      )}
      {name === null ? <AllHistory place={at} /> : <OneHistory name={name} place={at} />}
    </HistoryModal>
  )
}

function OneHistory({ name, place }: { name: string; place: SettingPlace | null }) {
  const params = { setting: name }
  const values = useRead(routes.setting.values, { params, query: asked(place) }, follows)
  const history = useRead(routes.setting.history, { params, query: { limit: shown_max, ...asked(place) } }, follows)
  return (
    <>
      <ProblemAlert error={values.error ?? history.error} />
      {(values.isPending || history.isPending) && <Loading />}
      {values.data && values.data.items.length > 0 && <Places items={values.data.items} />}
      {history.data && <Changes items={history.data.items} />}
    </>
  )
}

function AllHistory({ place }: { place: SettingPlace | null }) {
  const history = useRead(routes.setting.changes, { query: { limit: shown_max, ...asked(place) } }, follows)
  return (
    <>
      <ProblemAlert error={history.error} />
      {history.isPending && <Loading />}
      {history.data && <Changes items={history.data.items} named />}
    </>
  )
}

function HistoryModal({ title, done, children }: { title: string; done(): void; children: ReactNode }) {
  return (
    <Modal isOpen variant="large" onClose={done} aria-labelledby="setting-history">
      <ModalHeader labelId="setting-history" title={title} />
      <ModalBody>
        <div className="croft-stack">{children}</div>
      </ModalBody>
    </Modal>
  )
}

function Places({ items }: { items: readonly SettingValue[] }) {
  return (
    <SimpleTable
      label={words('places')}
      items={items}
      keyOf={one => one.scope_id}
      empty=""
      columns={[
        {
          title: words('places'),
          cell: one => (
            <>
              {words(`scope.${one.scope}`)}{' '}
              <ThingLink noun={one.scope} id={one.scope_id}>
                {one.scope_name}
              </ThingLink>
            </>
          ),
        },
        { title: words('value'), cell: one => textOf(one.value) },
        { title: words('when'), cell: one => <Time at={one.updated_at} /> },
      ]}
    />
  )
}

function Changes({ items, named = false }: { items: readonly SettingChange[]; named?: boolean }) {
  return (
    <SimpleTable
      label={words('history')}
      items={items}
      keyOf={one => one.id}
      empty={words('history.none')}
      columns={[
        { title: words('when'), cell: one => <Time at={one.at} /> },
        ...(named ? [{ title: words('setting'), cell: (one: SettingChange) => one.name }] : []),
        { title: words('who'), cell: one => <UserName id={one.user_id} name={one.user} /> },
        {
          title: words('where'),
          cell: one => words(`scope.${one.scope}`) + (one.scope_name ? ` ${one.scope_name}` : ''),
        },
        { title: words('before'), cell: one => changed(one.scope, one.before) },
        { title: words('after'), cell: one => changed(one.scope, one.after) },
      ]}
    />
  )
}

/** Null: it had no value of its own there. */
function changed(scope: SettingChange['scope'], value: unknown): string {
  if (value !== null) return textOf(value)
  return words(scope === 'global' ? 'from.default' : 'inherited')
}
