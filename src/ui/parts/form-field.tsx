/** One field of a form, by its kind. */
import {
  Checkbox,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  InputGroup,
  InputGroupItem,
  InputGroupText,
  TextArea,
  TextInput,
} from '@patternfly/react-core'
import { type ReactNode, useEffect } from 'react'
import type { Route } from '../../api/route.ts'
import type { FieldShape } from '../api/shapes.ts'
import type { Item } from '../noun/definition.ts'
import { words } from '../text/shared.ts'
import { ProblemAlert } from './problem.tsx'
import { TagsControl } from './tags-control.tsx'
import { useFinding } from './use-finding.ts'

export type Values = Readonly<Record<string, unknown>>

export interface FormField {
  /** Of the body. */
  name: string
  title: string
  kind: 'text' | 'password' | 'number' | 'area' | 'yes' | 'choice' | 'noun' | 'nouns' | 'tags' | 'list' | 'own'
  help?: string
  /** In place of what the contract says. */
  required?: boolean
  /** Behind a number: GiB. */
  unit?: string
  /** Of a number that the contract does not know. */
  minimum?: number
  maximum?: number
  /** Of a number that need not be whole. */
  step?: 'any'
  options?: readonly { value: string; title: string }[]
  /** The list of things to choose from; the field takes their ids. */
  from?: Route
  query?: Readonly<Record<string, unknown>>
  /** Only these of them. */
  only?(item: Item): boolean
  /** The order of the choices, where it is not the list's. */
  order?(one: Item, other: Item): number
  /** What is said of a choice beside its name. */
  describe?(item: Item): string
  /** Choose the first by itself. */
  first?: boolean
  /** What it means to choose nothing, where one need not; by default "None" of things, and of words the default, as the contract has it. */
  empty?: string
  /** Shown where there is nothing to choose from: what to do then. */
  none?: ReactNode
  /** What a text has to look like (HTML, pattern); `help` says it in words. */
  pattern?: string
  /** Fields of the body that are made of this one: what is wrong with them is said here. */
  covers?: readonly string[]
  /** Not for every case. */
  when?(values: Values): boolean
  /** Of the kind 'own'. */
  draw?(values: Values, set: (name: string, value: unknown) => void): ReactNode
}

/** A password is for nobody's eyes, also as part of a command. */
export function withoutSecrets(values: Values, fields: readonly FormField[]): Values {
  const secret = fields.filter(({ name, kind }) => kind === 'password' && values[name] !== undefined)
  return { ...values, ...Object.fromEntries(secret.map(({ name }) => [name, `<${name}>`])) }
}

export interface FieldProps {
  field: FormField
  shape: FieldShape | undefined
  values: Values
  set(name: string, value: unknown): void
  /** What the API says is wrong with it. */
  fault?: string | undefined
}

export function FieldControl(props: FieldProps) {
  const { field, shape, values, set, fault } = props
  if (field.when && !field.when(values)) return null
  const id = `field-${field.name}`
  const help = field.help ?? limitsOf(shape)
  if (field.kind === 'yes')
    return (
      <Checkbox
        id={id}
        label={field.title}
        description={help}
        isChecked={values[field.name] === true}
        onChange={(_, on) => set(field.name, on)}
      />
    )
  return (
    <FormGroup
      label={field.title}
      fieldId={id}
      isRequired={field.required ?? shape?.required ?? false}
      {...((field.kind === 'nouns' || field.kind === 'tags') && { role: 'group' })}
    >
      <Control {...props} id={id} required={field.required ?? shape?.required ?? false} />
      {(help ?? fault) && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            {fault && <HelperTextItem variant="error">{fault}</HelperTextItem>}
            {help && <HelperTextItem>{help}</HelperTextItem>}
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  )
}

function limitsOf(shape: FieldShape | undefined): string | undefined {
  const { minimum, maximum } = shape ?? {}
  if (minimum === undefined || maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER) return undefined
  return words('form.between', { minimum, maximum })
}

function Control({ field, shape, values, set, fault, id, required }: FieldProps & { id: string; required: boolean }) {
  const value = values[field.name]
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  const validated = fault === undefined ? ('default' as const) : ('error' as const)
  const common = { id, 'aria-describedby': `${id}-help`, isRequired: required, validated }
  switch (field.kind) {
    case 'text':
    case 'password':
      return (
        <TextInput
          {...common}
          type={field.kind}
          value={text}
          {...(shape?.max_length && { maxLength: shape.max_length })}
          {...(field.pattern && { pattern: field.pattern, title: field.help })}
          autoComplete={field.kind === 'password' ? 'new-password' : 'off'}
          onChange={(_, typed) => set(field.name, typed)}
        />
      )
    case 'number':
      return (
        <InputGroup className="croft-number">
          <InputGroupItem isFill>
            <TextInput
              {...common}
              type="number"
              value={text}
              min={field.minimum ?? shape?.minimum}
              max={field.maximum ?? shape?.maximum}
              step={shape?.type === 'number' ? 'any' : field.step}
              onChange={(_, typed) => set(field.name, typed === '' ? undefined : Number(typed))}
            />
          </InputGroupItem>
          {field.unit && <InputGroupText>{field.unit}</InputGroupText>}
        </InputGroup>
      )
    case 'area':
      return (
        <TextArea
          {...common}
          value={text}
          rows={4}
          resizeOrientation="vertical"
          onChange={(_, typed) => set(field.name, typed)}
        />
      )
    case 'choice': {
      const options = field.options ?? shape?.options?.map(one => ({ value: one, title: one })) ?? []
      const standard = options.find(one => one.value === shape?.default)?.title
      const as_usual = words('form.standard') + (standard === undefined ? '' : `: ${standard}`)
      return (
        <Select
          id={id}
          value={text}
          required={required}
          empty={field.empty ?? as_usual}
          validated={validated}
          options={options}
          onChange={chosen => set(field.name, chosen)}
        />
      )
    }
    case 'list':
      return (
        <TextArea
          {...common}
          value={Array.isArray(value) ? value.join('\n') : ''}
          rows={3}
          resizeOrientation="vertical"
          onChange={(_, typed) => set(field.name, typed === '' ? undefined : typed.split('\n'))}
        />
      )
    case 'noun':
    case 'nouns':
      return field.from ? <NounControl {...{ field, value, id, required, validated, set }} from={field.from} /> : null
    case 'tags':
      return (
        <TagsControl id={id} value={(value ?? {}) as Record<string, string>} onChange={tags => set(field.name, tags)} />
      )
    case 'own':
      return <>{field.draw?.(values, set)}</>
    case 'yes':
      return null
    default:
      return field.kind satisfies never
  }
}

type Validated = 'default' | 'error'

function Select({
  id,
  value,
  required,
  empty,
  validated,
  options,
  onChange,
}: {
  id: string
  value: string
  required: boolean
  empty: string
  validated: Validated
  options: readonly { value: string; title: string }[]
  onChange(value: string | undefined): void
}) {
  return (
    <FormSelect
      id={id}
      value={value}
      isRequired={required}
      validated={validated}
      aria-describedby={`${id}-help`}
      onChange={(_, chosen) => onChange(chosen || undefined)}
    >
      <FormSelectOption value="" label={required ? words('form.choose') : empty} isPlaceholder />
      {options.map(one => (
        <FormSelectOption key={one.value} value={one.value} label={one.title} />
      ))}
    </FormSelect>
  )
}

function NounControl({
  from,
  field,
  value,
  id,
  required,
  validated,
  set,
}: {
  from: Route
  field: FormField
  value: unknown
  id: string
  required: boolean
  validated: Validated
  set(name: string, value: unknown): void
}) {
  const chosen = Array.isArray(value) ? (value as string[]) : typeof value === 'string' ? [value] : []
  const found = useFinding(from, field.query ?? {}, chosen)
  const listed = found.items.filter(item => field.only?.(item) ?? true)
  const items = field.order ? listed.toSorted(field.order) : listed
  const title = (item: Item) => {
    const name = item.name ?? item.id
    return field.describe ? `${name} – ${field.describe(item)}` : name
  }
  const [first] = items
  useEffect(() => {
    if (field.first && first && value === undefined) set(field.name, field.kind === 'nouns' ? [first.id] : first.id)
  }, [field, first, value, set])
  const look = found.typed !== undefined && (
    <TextInput
      type="search"
      aria-label={words('form.look', { title: field.title })}
      placeholder={words('form.look.placeholder')}
      value={found.typed}
      onChange={(_, typed) => found.type(typed)}
    />
  )
  if (found.error && items.length === 0) return <ProblemAlert error={found.error} />
  if (found.ready && items.length === 0 && !look)
    return <p className="croft-muted">{field.none ?? words('form.nothing')}</p>
  if (field.kind === 'noun')
    return (
      <>
        {look}
        <Select
          id={id}
          value={typeof value === 'string' ? value : ''}
          required={required}
          empty={field.empty ?? words('form.none')}
          validated={validated}
          options={items.map(item => ({ value: item.id, title: title(item) }))}
          onChange={one => set(field.name, one)}
        />
      </>
    )
  return (
    <div className="croft-checks" id={id}>
      {look}
      {items.map(item => (
        <Checkbox
          key={item.id}
          id={`${id}-${item.id}`}
          label={title(item)}
          isChecked={chosen.includes(item.id)}
          onChange={(_, on) => set(field.name, on ? [...chosen, item.id] : chosen.filter(one => one !== item.id))}
        />
      ))}
    </div>
  )
}
