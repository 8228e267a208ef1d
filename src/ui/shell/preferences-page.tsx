/** Preferences of this browser: looks, times, language. */
import { Form, FormGroup, FormSelect, FormSelectOption, Title } from '@patternfly/react-core'
import { prefer, type Preferences, usePreferences } from '../session/preferences.ts'
import { words } from '../text/shared.ts'

export default function PreferencesPage() {
  const current = usePreferences()
  const choice = <K extends 'theme' | 'time_zone' | 'language'>(
    key: K,
    options: readonly [Preferences[K], string][],
  ) => (
    <FormGroup label={words(`preferences.${key}`)} fieldId={key}>
      <FormSelect id={key} value={current[key]} onChange={(_, value) => prefer({ [key]: value })}>
        {options.map(([value, label]) => (
          <FormSelectOption key={value} value={value} label={label} />
        ))}
      </FormSelect>
    </FormGroup>
  )
  return (
    <>
      <Title headingLevel="h1">{words('preferences')}</Title>
      <p className="croft-muted">{words('preferences.where')}</p>
      <Form className="croft-narrow-form">
        {choice('theme', [
          ['system', words('theme.system')],
          ['light', words('theme.light')],
          ['dark', words('theme.dark')],
        ])}
        {choice('time_zone', [
          ['local', words('time.local', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })],
          ['utc', 'UTC'],
          ...Intl.supportedValuesOf('timeZone').map((name): [string, string] => [name, name.replaceAll('_', ' ')]),
        ])}
        {choice('language', [
          ['auto', words('language.auto')],
          ['en', 'English'],
          ['de', 'Deutsch'],
        ])}
      </Form>
    </>
  )
}
