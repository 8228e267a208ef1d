/** What becomes of an instance when its host is lost or its guest fails: fields of its form, a dialog, and what happened. */
import { Alert } from '@patternfly/react-core'
import type { Instance } from '../../api/instance.ts'
import { availabilities, crashActions, watchdogActions } from '../../model/availability.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type FormField } from '../parts/form.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './recovery-text.ts'

/** Also in the form that makes an instance. `runs`: it has a machine already, which stays as it is until its next start. */
export const recoveryFields = (runs = false): FormField[] => [
  {
    name: 'availability',
    title: words('availability'),
    kind: 'choice',
    options: availabilities.map(value => ({ value, title: words(`availability.${value}`) })),
    help: words('availability.help'),
  },
  { name: 'ha_priority', title: words('ha_priority'), kind: 'number', help: words('ha_priority.help') },
  {
    name: 'on_crash',
    title: words('on_crash'),
    kind: 'choice',
    options: crashActions.map(value => ({ value, title: words(`on_crash.${value}`) })),
    help: words('on_crash.help'),
  },
  {
    name: 'watchdog_action',
    title: words('watchdog'),
    kind: 'choice',
    options: watchdogActions.map(value => ({ value, title: words(`watchdog.${value}`) })),
    help: words(runs ? 'watchdog.help.runs' : 'watchdog.help'),
  },
]

export default function RecoverySettings({ item, done }: { item: Instance; done: () => void }) {
  const { availability, ha_priority, on_crash, watchdog_action } = item
  return (
    <FormDialog
      title={words('change.of', { name: item.name })}
      yes={words('save')}
      route={routes.instance.update}
      initial={{ availability, ha_priority, on_crash, watchdog_action }}
      toInput={body => ({ params: { instance: item.id }, body, if_match: item.version })}
      fields={recoveryFields(item.state !== 'stopped').map(field => ({ ...field, required: true }))}
      done={done}
    />
  )
}

type Fact = readonly [string, React.ReactNode]

/** For the list of facts on its page. */
export function recoveryFacts(item: Instance): (Fact | false)[] {
  const { availability, ha_priority, ha_obstacle, crashes, watchdog } = item
  const high = availability === 'high'
  return [
    [words('availability'), high ? words('high', { n: ha_priority }) : words('availability.restart')],
    ha_obstacle !== null && [
      words('ha_obstacle'),
      <Alert key="obstacle" isInline isPlain variant="warning" title={ha_obstacle} />,
    ],
    crashes !== null && [
      words('crashes'),
      <span key="crashes">
        {words(crashes.given_up ? 'crashes.given_up' : 'crashes.n', { n: crashes.count })}{' '}
        <Time at={crashes.last_at} seconds />
        {crashes.next_try_at !== null && (
          <>
            {'; '}
            {words('crashes.next')} <Time at={crashes.next_try_at} seconds />
          </>
        )}
      </span>,
    ],
    watchdog !== null && [
      words('watchdog.fired'),
      <span key="watchdog">
        {words(`watchdog.${watchdog.action}`)}, {words('watchdog.n', { n: watchdog.count })}{' '}
        <Time at={watchdog.fired_at} seconds />
        {watchdog.dump_file !== null && <code> {watchdog.dump_file}</code>} {watchdog.dump_failure}
      </span>,
    ],
  ]
}
