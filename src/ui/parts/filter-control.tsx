/** One filter of a list, by its kind. */
import {
  Dropdown,
  FormSelect,
  FormSelectOption,
  InputGroup,
  InputGroupItem,
  Menu,
  MenuContent,
  MenuItem,
  MenuList,
  MenuToggle,
  Switch,
  TextInput,
} from '@patternfly/react-core'
import { useState } from 'react'
import { type Filter, labelOf } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { TypedFilter } from './typed-filter.tsx'
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
  if (filter.kind === 'choices') return <Choices filter={filter} value={value} onChange={onChange} />
  if (filter.kind === 'text') return <TypedFilter title={filter.title()} value={value ?? ''} onChange={onChange} />
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

/** Any of some: the list stays open while one chooses. */
function Choices({ filter, value, onChange }: Props) {
  const [open, setOpen] = useState(false)
  const options = filter.options ?? []
  const chosen = value?.split(',') ?? []
  const choose = (one: string) => {
    const now = chosen.includes(one) ? chosen.filter(other => other !== one) : [...chosen, one]
    // In the order of the options, so that the same choice has the same URL.
    onChange(options.flatMap(option => (now.includes(option.value) ? [option.value] : [])).join(',') || undefined)
  }
  const named = options.filter(option => chosen.includes(option.value)).map(option => option.title())
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      toggle={ref => (
        <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
          {named.length === 0 ? filter.title() : `${filter.title()}: ${named.join(', ')}`}
        </MenuToggle>
      )}
    >
      <Menu onSelect={(_, id) => choose(String(id))}>
        <MenuContent>
          <MenuList aria-label={filter.title()}>
            {options.map(option => (
              <MenuItem key={option.value} itemId={option.value} hasCheckbox isSelected={chosen.includes(option.value)}>
                {option.title()}
              </MenuItem>
            ))}
          </MenuList>
        </MenuContent>
      </Menu>
    </Dropdown>
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
  const found = useFinding(noun.list, noun.list_query?.() ?? {}, props.value === undefined ? [] : [props.value])
  return (
    <InputGroup>
      {found.typed !== undefined && (
        <InputGroupItem>
          <TextInput
            type="search"
            className="croft-look"
            aria-label={words('form.look', { title: props.filter.title() })}
            placeholder={words('form.look', { title: props.filter.title() })}
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
