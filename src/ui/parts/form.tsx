/**
 * Forms that make or change a thing, driven by a list of fields. Limits of a field (length, smallest, largest, what is required) come
 * from the contract's shapes, so they are not said twice. What the server refuses is shown above, with the typing kept.
 */
import {
  ActionGroup,
  Button,
  ExpandableSection,
  Form,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Title,
} from '@patternfly/react-core'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, type ReactNode, useEffect, useId, useState } from 'react'
import type { Operation } from '../../api/operation.ts'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { ask } from '../api/read.ts'
import { type FieldShape, loadShapes } from '../api/shapes.ts'
import type { Item, NounDefinition } from '../noun/definition.ts'
import { operations } from '../shell/operations.ts'
import { words } from '../text/shared.ts'
import { ApiCalls } from './api-call.tsx'
import { FieldControl, type FormField, type Values } from './form-field.tsx'
import { addressOf } from './link.tsx'
import { useTitle } from './use-title.ts'
import { ProblemAlert } from './problem.tsx'

export type { FormField, Values }

interface Props {
  route: Route
  fields: readonly FormField[]
  /** Shown when asked for: what has a sensible default. */
  more?: readonly FormField[]
  initial?: Values
  /** From what was typed to what is sent; without it just that, without what was left empty. */
  toInput?(values: Values): LooseInput
}

function withoutEmpty(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) =>
        value !== undefined &&
        value !== '' &&
        !(typeof value === 'object' && value !== null && Object.keys(value).length === 0),
    ),
  )
}

export const plainInput = (values: Values): LooseInput => ({ body: withoutEmpty(values) })

function useForm({ route, initial, toInput = plainInput }: Props, done: (body: unknown, values: Values) => void) {
  const [values, setValues] = useState<Values>(initial ?? {})
  const [failure, setFailure] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const [shapes, setShapes] = useState<readonly FieldShape[]>([])
  useEffect(() => void loadShapes().then(all => setShapes(all[route.name]?.body ?? [])), [route])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    ask(route, toInput(values))
      .then(({ body }) => done(body, values))
      .catch(setFailure)
      .finally(() => setBusy(false))
  }
  const set = (name: string, value: unknown) => setValues(before => ({ ...before, [name]: value }))
  const shapeOf = (name: string) => shapes.find(shape => shape.name === name)
  return { values, set, failure, busy, submit, shapeOf, input: toInput(values) }
}

/** A page: the form on the left, and on the right what one should know while filling it in. */
export function CreatePage({
  noun,
  aside,
  after,
  onDone,
  whyNot,
  ...props
}: Props & {
  noun: NounDefinition
  aside?(values: Values): ReactNode
  /** Why what is typed would be refused, as far as that is known. */
  whyNot?: string | undefined
  /** Where to go then; without it the new thing's page, or the list. */
  after?(body: unknown): string
  /** In place of going on: the answer is shown first. */
  onDone?(body: unknown): void
}) {
  const navigate = useNavigate()
  useTitle(noun.create?.title() ?? noun.title())
  const { values, set, failure, busy, submit, shapeOf, input } = useForm(props, (body, typed) => {
    if (onDone) return onDone(body)
    const { operation, items, id } = body as Partial<Item> & { operation?: Operation; items?: Item[] }
    const title = `${noun.create?.title() ?? ''}: ${typed.name ?? ''}`
    if (operation) operations.started(title, operation)
    else operations.said(title, { variant: 'success' })
    const made = id ?? (items?.length === 1 ? items[0]?.id : undefined)
    const to = after?.(body) ?? (made && noun.get ? addressOf(noun.path, made) : `/${noun.path}`)
    void navigate({ to, search: {} })
  })
  const control = (field: FormField) => (
    <FieldControl key={field.name} field={field} shape={shapeOf(field.name)} values={values} set={set} />
  )
  return (
    <div className="croft-create">
      <Title headingLevel="h1">{noun.create?.title()}</Title>
      <div className="croft-create-columns">
        <Form onSubmit={whyNot === undefined ? submit : event => event.preventDefault()} className="croft-form">
          <ProblemAlert error={failure} />
          {props.fields.map(control)}
          {props.more && (
            <ExpandableSection toggleText={words('form.more')}>
              <div className="croft-stack">{props.more.map(control)}</div>
            </ExpandableSection>
          )}
          <ActionGroup>
            <Button
              type="submit"
              isLoading={busy}
              isDisabled={busy}
              isAriaDisabled={whyNot !== undefined}
              {...(whyNot !== undefined && { 'aria-describedby': 'form-why-not' })}
            >
              {noun.create?.title()}
            </Button>
            <Button variant="link" onClick={() => void navigate({ to: `/${noun.path}`, search: {} })}>
              {words('cancel')}
            </Button>
          </ActionGroup>
          {whyNot !== undefined && (
            <HelperText>
              <HelperTextItem id="form-why-not" variant="error">
                {whyNot}
              </HelperTextItem>
            </HelperText>
          )}
        </Form>
        <aside className="croft-aside" aria-label={words('form.aside')}>
          {aside?.(values)}
          <ExpandableSection toggleText={words('api_call')}>
            <ApiCalls calls={[{ route: props.route, input }]} />
          </ExpandableSection>
        </aside>
      </div>
    </div>
  )
}

/** A dialog: changes a thing, or asks what an action needs to know. */
export function FormDialog({
  title,
  yes,
  done,
  made,
  ...props
}: Props & {
  title: string
  yes: string
  done(): void
  /** Hears the answer before the dialog closes, such as a secret that is shown once. */
  made?(body: unknown): void
}) {
  const id = useId()
  const { values, set, failure, busy, submit, shapeOf } = useForm(props, body => {
    const { operation } = (body ?? {}) as { operation?: Operation }
    made?.(body)
    if (operation) operations.started(title, operation)
    done()
  })
  return (
    <Modal isOpen variant="small" onClose={done} aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody>
        <Form id={id} onSubmit={submit}>
          <ProblemAlert error={failure} />
          {[...props.fields, ...(props.more ?? [])].map(field => (
            <FieldControl key={field.name} field={field} shape={shapeOf(field.name)} values={values} set={set} />
          ))}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={id} isLoading={busy} isDisabled={busy}>
          {yes}
        </Button>
        <Button variant="link" onClick={done}>
          {words('cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  )
}
