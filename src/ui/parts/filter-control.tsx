/** One filter of a list, by its kind. */
import { FormSelect, FormSelectOption, InputGroup, InputGroupItem, Switch, TextInput } from '@patternfly/react-core'
import { type Filter, labelOf } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { useFinding } from './use-finding.ts'

interface Props {
  filter: Filter
  value: string | undefined
  onChange(value: string | undefined): void
}

export function FilterControl({ filter, value, onChange }: Props) {
  if (filter.kind === 'yes')
    return (
      <Switch
        id={`filter-${filter.field}`}
        label={filter.title()}
        isChecked={value === 'true'}
        onChange={(_, on) => onChange(on ? 'true' : undefined)}
        className="croft-switch"
      />
    )
  if (filter.kind === 'noun') return <NounFilter filter={filter} value={value} onChange={onChange} />
  return (
    <Choice
      filter={filter}
      value={value}
      onChange={onChange}
      options={(filter.options ?? []).map(one => ({ value: one.value, title: one.title() }))}
    />
  )
}

function Choice({
  filter,
  value,
  onChange,
  options,
}: Props & { options: readonly { value: string; title: string }[] }) {
  return (
    <FormSelect aria-label={filter.title()} value={value ?? ''} onChange={(_, chosen) => onChange(chosen || undefined)}>
      <FormSelectOption value="" label={filter.title()} isPlaceholder />
      {options.map(one => (
        <FormSelectOption key={one.value} value={one.value} label={one.title} />
      ))}
    </FormSelect>
  )
}

function NounFilter({ filter, value, onChange }: Props) {
  const session = useSession()
  const noun = nounNamed(filter.noun ?? '')
  const allowed = noun !== undefined && may(session, noun.list)
  if (!noun || !allowed) return null
  return <NounChoice noun={noun} filter={filter} value={value} onChange={onChange} />
}

function NounChoice({ noun, ...props }: Props & { noun: NonNullable<ReturnType<typeof nounNamed>> }) {
  const found = useFinding(noun.list, noun.list_query ?? {}, props.value === undefined ? [] : [props.value])
  return (
    <InputGroup>
      {found.typed !== undefined && (
        <InputGroupItem>
          <TextInput
            type="search"
            className="croft-look"
            aria-label={words('form.look', { title: props.filter.title() })}
            placeholder={words('form.look.placeholder')}
            value={found.typed}
            onChange={(_, typed) => found.type(typed)}
          />
        </InputGroupItem>
      )}
      <InputGroupItem>
        <Choice {...props} options={found.items.map(item => ({ value: item.id, title: labelOf(noun, item) }))} />
      </InputGroupItem>
    </InputGroup>
  )
}
