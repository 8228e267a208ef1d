/** One setting: its control by what it takes. Yes and no, and choices, hold at once; what is typed, when it is saved. */
import { Button, FormSelect, FormSelectOption, Label, Switch, TextInput } from '@patternfly/react-core'
import { type FormEvent, useEffect, useState } from 'react'
import type { Setting } from '../../api/setting.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { ThingLink } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { Time } from '../parts/time.tsx'
import { operations } from '../shell/operations.ts'
import { asked, type SettingPlace } from './place.ts'
import { summaryOf, words } from './text.ts'
import { readTyped, typedOf } from './typed.ts'
import { textOf } from './value.ts'

/** The parts of JSON Schema that settings use. */
interface Expected {
  type?: string
  enum?: readonly (string | number)[]
  minimum?: number
  maximum?: number
  pattern?: string
}

export interface SettingRowProps {
  setting: Setting
  /** The part of the cloud that it is shown for; null for all of it. */
  place: SettingPlace | null
  changes: boolean
  onHistory?(): void
}

export function SettingRow({ setting, place, changes, onHistory }: SettingRowProps) {
  const [failure, setFailure] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const { name, value, own, inherited } = setting
  const expected = (setting.expected ?? {}) as Expected
  // Of the cloud: given a value that is not the standard; of a part: a value of its own.
  const differs = own && (place !== null || JSON.stringify(value) !== JSON.stringify(inherited))
  const run = (work: Promise<unknown>, said: string) => {
    setBusy(true)
    setFailure(undefined)
    work
      .then(() => operations.said(said, { variant: 'success' }))
      .catch(setFailure)
      .finally(() => setBusy(false))
  }
  const put = (next: unknown) =>
    run(
      call(routes.setting.set, { params: { setting: name }, body: { value: next, ...asked(place) } }),
      words('changed', { name, value: textOf(next) }),
    )
  const reset = () =>
    run(
      call(routes.setting.reset, { params: { setting: name }, query: asked(place) }),
      words('changed', { name, value: textOf(inherited) }),
    )
  return (
    <section className="croft-setting" aria-label={name}>
      <div className="croft-setting-what">
        <span className="croft-mono">{name}</span>{' '}
        {differs && (
          <Label isCompact color="blue">
            {words(place ? 'own' : 'differs')}
          </Label>
        )}
        <div>{summaryOf(setting)}</div>
        <div className="croft-muted croft-small">
          <Origin setting={setting} place={place} />
          {limitsOf(expected)}
          {setting.updated_at && (
            <>
              {' · '}
              {words('updated')} <Time at={setting.updated_at} />
              {setting.updated_by && (
                <>
                  {' '}
                  {words('by')} <UserName id={setting.updated_by} name={setting.updated_by_name} />
                </>
              )}
            </>
          )}
        </div>
        <ProblemAlert error={failure} />
      </div>
      <div className="croft-setting-value">
        <Control {...{ name, value, expected, put }} summary={summaryOf(setting)} disabled={!changes || busy} />
        {differs && changes && (
          <Button
            variant="link"
            size="sm"
            isInline
            isDisabled={busy}
            onClick={reset}
            aria-label={words(place ? 'inherit.of' : 'reset.of', { name })}
          >
            {words(place ? 'inherit' : 'reset')}
          </Button>
        )}
        {onHistory && (
          <Button variant="link" size="sm" isInline onClick={onHistory} aria-label={words('history.of', { name })}>
            {words('history')}
          </Button>
        )}
      </div>
    </section>
  )
}

/** What it is without a value of its own; for a part of the cloud, and where it has none, from where its value comes. */
function Origin({ setting, place }: Pick<SettingRowProps, 'setting' | 'place'>) {
  const { default: standard, own, inherited, source, source_id, source_name, scopes } = setting
  if (!place) {
    const parts = scopes.map(one => words(`scope.${one}`)).join(', ')
    return (
      <>
        {words('standard', { value: textOf(standard) })}
        {parts && ` · ${words('may_differ', { parts })}`}
      </>
    )
  }
  if (own) return <>{words('inherited.would', { value: textOf(inherited) })}</>
  if (source === 'default' || source === 'global') return <>{words(`from.${source}`)}</>
  return (
    <>
      {words('from', { scope: words(`scope.${source}`) })}{' '}
      <ThingLink noun={source} id={source_id}>
        {source_name}
      </ThingLink>
    </>
  )
}

function limitsOf({ minimum, maximum }: Expected): string {
  if (minimum === undefined) return ''
  return ` · ${maximum === undefined ? words('at_least', { minimum }) : words('between', { minimum, maximum })}`
}

interface ControlProps {
  name: string
  summary: string
  value: unknown
  expected: Expected
  disabled: boolean
  put(value: unknown): void
}

function Control(props: ControlProps) {
  const { name, value, expected, disabled, put } = props
  if (expected.type === 'boolean')
    return (
      <Switch
        id={`setting-${name}`}
        aria-label={name}
        label={words(value === true ? 'on' : 'off')}
        isChecked={value === true}
        isDisabled={disabled}
        onChange={(_, on) => put(on)}
      />
    )
  if (expected.enum)
    return (
      <FormSelect
        aria-label={name}
        value={String(value)}
        isDisabled={disabled}
        onChange={(_, chosen) => put(expected.enum?.find(one => String(one) === chosen))}
      >
        {expected.enum.map(one => (
          <FormSelectOption key={one} value={String(one)} label={textOf(one)} />
        ))}
      </FormSelect>
    )
  return <Typed {...props} />
}

function Typed({ name, summary, value, expected, disabled, put }: ControlProps) {
  const is_number = expected.type === 'integer' || expected.type === 'number'
  const is_list = expected.type === 'array'
  const shown = typedOf(value)
  const [typed, setTyped] = useState(shown)
  // Somebody else may change it meanwhile: what is true is shown.
  useEffect(() => setTyped(shown), [shown])
  const save = (event: FormEvent) => {
    event.preventDefault()
    put(readTyped(expected.type, typed))
  }
  return (
    <form className="croft-setting-typed" onSubmit={save}>
      <TextInput
        aria-label={name}
        type={is_number ? 'number' : 'text'}
        value={typed}
        isRequired={!is_list}
        placeholder={is_list ? words('list.hint') : undefined}
        isDisabled={disabled}
        min={expected.minimum}
        max={expected.maximum}
        pattern={is_number ? undefined : expected.pattern}
        // What the browser says of what does not fit ends with it.
        title={summary}
        onChange={(_, text) => setTyped(text)}
      />
      {typed !== shown && (
        <Button type="submit" variant="secondary" isDisabled={disabled || (typed === '' && !is_list)}>
          {words('save')}
        </Button>
      )}
    </form>
  )
}
