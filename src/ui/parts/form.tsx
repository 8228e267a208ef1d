/**
 * Forms that make or change a thing, driven by a list of fields. Limits of a field (length, smallest, largest, what is required) come
 * from the contract's shapes, so they are not said twice. What the server refuses is shown above, with the typing kept.
 */
import {
  ActionGroup,
  Button,
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
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import type { Operation } from '../../api/operation.ts'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { ApiProblem, ConnectionFailed } from '../../sdk/errors.ts'
import { ask } from '../api/read.ts'
import { type FieldShape, loadShapes } from '../api/shapes.ts'
import type { Item, NounDefinition } from '../noun/definition.ts'
import { operations } from '../shell/operations.ts'
import { words } from '../text/shared.ts'
import { FoldedCalls } from './api-call.tsx'
import { FieldControl, type FormField, type Values, withoutSecrets } from './form-field.tsx'
import { addressOf } from './link.tsx'
import { More } from './more-fields.tsx'
import { useTitle } from './use-title.ts'
import { faultsByField, ProblemAlert } from './problem.tsx'

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

/** What is wrong with fields of the body, at the fields that people see. */
function asShown(faults: Faults, fields: readonly FormField[]): Faults {
  const shown = new Map(faults)
  for (const { name, covers } of fields) {
    const fault = covers?.flatMap(one => faults.get(one) ?? [])[0]
    if (fault !== undefined) shown.set(name, fault)
  }
  return shown
}

function useForm(
  { route, initial, fields, more = [], toInput = plainInput }: Props,
  done: (body: unknown, values: Values) => void,
) {
  const id = useId()
  const [values, setValues] = useState<Values>(initial ?? {})
  const [failure, setFailure] = useState<unknown>()
  const [faults, setFaults] = useState<Faults>(new Map())
  const [busy, setBusy] = useState(false)
  const [shapes, setShapes] = useState<readonly FieldShape[]>([])
  // Without them the form knows no limits beforehand: what was typed is still taken, or refused by the API.
  useEffect(() => void loadShapes().then(all => setShapes(all[route.name]?.body ?? []), setFailure), [route])
  const unanswered = useRef<{ text: string; key: string }>(undefined)
  const send = (input: LooseInput) => {
    // Of what got no answer nobody knows whether it was done: asked again it must be the same request.
    const text = JSON.stringify([input.params, input.body])
    const idempotency_key = unanswered.current?.text === text ? unanswered.current.key : crypto.randomUUID()
    setBusy(true)
    setFailure(undefined)
    setFaults(new Map())
    ask(route, { ...input, idempotency_key })
      .then(({ body }) => done(body, values))
      .catch((error: unknown) => {
        unanswered.current = error instanceof ConnectionFailed ? { text, key: idempotency_key } : undefined
        setFailure(error)
        setFaults(asShown(faultsByField(error, values), [...fields, ...more]))
      })
      .finally(() => setBusy(false))
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    send(toInput(values))
  }
  /** What was changed here is put on top of what another has made of it meanwhile. */
  const sendOnTop = () => {
    const { if_match: _, ...input } = toInput(values)
    const [now, before] = [input.body, toInput(initial ?? {}).body] as Record<string, unknown>[]
    const changed = Object.entries(now ?? {}).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(before?.[name]),
    )
    send({ ...input, body: Object.fromEntries(changed) })
  }
  useEffect(() => {
    if (failure === undefined) return
    const form = document.getElementById(id)
    const field = form?.querySelector<HTMLElement>('[aria-invalid="true"]')
    if (field) field.focus()
    else form?.querySelector('.croft-problem')?.scrollIntoView({ block: 'nearest' })
  }, [failure, id])
  const set = (name: string, value: unknown) => {
    setValues(before => ({ ...before, [name]: value }))
    setFaults(before => (before.has(name) ? new Map([...before].filter(([one]) => one !== name)) : before))
  }
  const shapeOf = (name: string) => shapes.find(shape => shape.name === name)
  const problem = <Problem failure={failure} faults={faults} onTop={sendOnTop} />
  const shown = toInput(withoutSecrets(values, [...fields, ...more]))
  return { id, values, set, faults, problem, busy, submit, shapeOf, shown }
}

type Faults = ReadonlyMap<string, string>

/** What was refused, and the way on if another was quicker. */
function Problem({ failure, faults, onTop }: { failure: unknown; faults: Faults; onTop(): void }) {
  const overtaken = failure instanceof ApiProblem && failure.code === 'changed_meanwhile'
  return (
    <ProblemAlert
      error={failure}
      at_fields={faults}
      actions={
        overtaken && (
          <Button variant="link" isInline onClick={onTop}>
            {words('form.on_top')}
          </Button>
        )
      }
    >
      {overtaken && <p>{words('form.overtaken')}</p>}
    </ProblemAlert>
  )
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
  const { id, values, set, faults, problem, busy, submit, shapeOf, shown } = useForm(props, (body, typed) => {
    if (onDone) return onDone(body)
    const { operation, items, id: made_id } = body as Partial<Item> & { operation?: Operation; items?: Item[] }
    const title = `${noun.create?.title() ?? ''}: ${typed.name ?? ''}`
    if (operation) operations.started(title, operation)
    else operations.said(title, { variant: 'success' })
    const made = made_id ?? (items?.length === 1 ? items[0]?.id : undefined)
    const to = after?.(body) ?? (made && noun.get ? addressOf(noun.path, made) : `/${noun.path}`)
    void navigate({ to, search: {} })
  })
  const control = (field: FormField) => (
    <FieldControl
      key={field.name}
      field={field}
      shape={shapeOf(field.name)}
      values={values}
      set={set}
      fault={faults.get(field.name)}
    />
  )
  return (
    <div className="croft-create">
      <Title headingLevel="h1">{noun.create?.title()}</Title>
      <div className="croft-create-columns">
        <Form
          id={id}
          // What is missing or out of bounds the browser says, at its field: PatternFly would switch that off.
          noValidate={false}
          onSubmit={whyNot === undefined ? submit : event => event.preventDefault()}
          className="croft-form"
        >
          {problem}
          {props.fields.map(control)}
          {props.more && (
            <More form={id} faulty={props.more.some(field => faults.has(field.name))}>
              {props.more.map(control)}
            </More>
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
          <FoldedCalls calls={[{ route: props.route, input: shown }]} />
        </aside>
      </div>
    </div>
  )
}

/** What is typed into or chosen from. */
const fillable = ':is(input:not([type="hidden"]), select, textarea)'

/** A dialog: changes a thing, or asks what an action needs to know. Its first field has the focus, or the button that adds one. */
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
  /** Hears the answer before the dialog closes, such as a secret that is shown once; 'stay': it closes by itself later. */
  made?(body: unknown, typed: Values): 'stay' | undefined | void
}) {
  const { id, values, set, faults, problem, busy, submit, shapeOf, shown } = useForm(props, (body, typed) => {
    const { operation } = (body ?? {}) as { operation?: Operation }
    if (operation) operations.started(title, operation)
    if (made?.(body, typed) !== 'stay') done()
  })
  return (
    <Modal
      isOpen
      variant="small"
      onClose={done}
      aria-labelledby={`${id}-title`}
      elementToFocus={`[id="${id}"] ${fillable}, [id="${id}"]:not(:has(${fillable})) :is(button, input)`}
    >
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody>
        <Form id={id} noValidate={false} onSubmit={submit}>
          {problem}
          {[...props.fields, ...(props.more ?? [])].map(field => (
            <FieldControl
              key={field.name}
              field={field}
              shape={shapeOf(field.name)}
              values={values}
              set={set}
              fault={faults.get(field.name)}
            />
          ))}
          {/* To be found where there is nothing else yet, such as choices on their way: then one begins at the dialog's top. */}
          <input type="hidden" />
        </Form>
        <FoldedCalls calls={[{ route: props.route, input: shown }]} />
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
