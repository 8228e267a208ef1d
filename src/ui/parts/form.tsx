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
import { ApiCalls } from './api-call.tsx'
import { FieldControl, type FormField, type Values } from './form-field.tsx'
import { addressOf } from './link.tsx'
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

function useForm({ route, initial, toInput = plainInput }: Props, done: (body: unknown, values: Values) => void) {
  const id = useId()
  const [values, setValues] = useState<Values>(initial ?? {})
  const [failure, setFailure] = useState<unknown>()
  const [faults, setFaults] = useState<Faults>(new Map())
  const [busy, setBusy] = useState(false)
  const [shapes, setShapes] = useState<readonly FieldShape[]>([])
  useEffect(() => void loadShapes().then(all => setShapes(all[route.name]?.body ?? [])), [route])
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
        setFaults(faultsByField(error, values))
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
  return { id, values, set, faults, problem, busy, submit, shapeOf, input: toInput(values) }
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
  const { id, values, set, faults, problem, busy, submit, shapeOf, input } = useForm(props, (body, typed) => {
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
        <Form id={id} onSubmit={whyNot === undefined ? submit : event => event.preventDefault()} className="croft-form">
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
          <ExpandableSection toggleText={words('api_call')}>
            <ApiCalls calls={[{ route: props.route, input }]} />
          </ExpandableSection>
        </aside>
      </div>
    </div>
  )
}

/** Folded away until asked for, or until something in it is wrong: what is out of sight cannot be put right. */
function More({ form, faulty, children }: { form: string; faulty: boolean; children: ReactNode }) {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    if (faulty) setOpen(true)
  }, [faulty])
  const unfold = () => {
    if (open) return
    setOpen(true)
    // The browser points at it once it can be seen.
    requestAnimationFrame(() => {
      const element = document.getElementById(form)
      if (element instanceof HTMLFormElement) element.reportValidity()
    })
  }
  return (
    <ExpandableSection
      toggleText={words('form.more')}
      isExpanded={open}
      onToggle={(_, expanded) => setOpen(expanded)}
      onInvalidCapture={unfold}
    >
      <div className="croft-stack">{children}</div>
    </ExpandableSection>
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
  /** Hears the answer before the dialog closes, such as a secret that is shown once; 'stay': it closes by itself later. */
  made?(body: unknown): 'stay' | undefined | void
}) {
  const { id, values, set, faults, problem, busy, submit, shapeOf } = useForm(props, body => {
    const { operation } = (body ?? {}) as { operation?: Operation }
    if (operation) operations.started(title, operation)
    if (made?.(body) !== 'stay') done()
  })
  return (
    <Modal
      isOpen
      variant="small"
      onClose={done}
      aria-labelledby={`${id}-title`}
      elementToFocus={`[id="${id}"] :is(input, select, textarea)`}
    >
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody>
        <Form id={id} onSubmit={submit}>
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
