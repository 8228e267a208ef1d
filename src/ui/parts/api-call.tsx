/** "The same as CLI / API call": what a page shows, or a form would do, as a command and as a request. Made from the routes. */
import { Button, ExpandableSection, Modal, ModalBody, ModalHeader } from '@patternfly/react-core'
import CodeIcon from '@patternfly/react-icons/dist/esm/icons/code-icon'
import { type ReactNode, useEffect, useState } from 'react'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { loadShapes, type RouteShapes } from '../api/shapes.ts'
import { useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { commandOf, quoted } from './command-text.ts'
import { CopyBlock } from './copy-block.tsx'
import { To } from './link.tsx'
import { ProblemAlert } from './problem.tsx'

export interface ApiCall {
  route: Route
  input: LooseInput
  /** Of a route whose command is made by hand. */
  command?: string
  /** What a dialog changes: of a call that says nothing else, its fields are shown as they stand. */
  of?: Readonly<Record<string, unknown>>
}

export function ApiCallButton({ calls }: { calls: () => readonly ApiCall[] }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button
        variant="plain"
        icon={<CodeIcon />}
        aria-label={words('api_call')}
        title={words('api_call')}
        onClick={() => setOpen(true)}
      />
      {open && (
        <Modal isOpen variant="medium" onClose={() => setOpen(false)} aria-labelledby="api-call-title">
          <ModalHeader title={words('api_call')} labelId="api-call-title" />
          <ModalBody>
            <ApiCalls calls={calls()} />
          </ModalBody>
        </Modal>
      )}
    </>
  )
}

function ApiCalls({ calls }: { calls: readonly ApiCall[] }) {
  const [shapes, setShapes] = useState<Readonly<Record<string, RouteShapes>>>()
  const ca = useOwnAuthority()
  const [failure, setFailure] = useState<unknown>()
  useEffect(() => void loadShapes().then(setShapes, setFailure), [])
  if (!shapes) return <ProblemAlert error={failure} />
  const shown = calls.map(one => ({ ...one, input: completed(one, shapes[one.route.name]) }))
  const has_blanks = shown.some(({ input }) => JSON.stringify([input.params, input.query, input.body]).includes('"<'))
  return (
    <div className="croft-calls">
      {shown.map(({ route, input, command = commandFor(route, shapes[route.name], input) }) => (
        <section key={route.name + JSON.stringify(input)}>
          <p>{shapes[route.name]?.summary}</p>
          {command !== undefined && <CopyBlock text={command} label={words('api_call.cli')} />}
          <CopyBlock text={curlOf(route, input, ca)} label={words('api_call.api')} />
        </section>
      ))}
      {has_blanks && <p className="croft-muted">{words('api_call.blanks')}</p>}
      <Beforehand ca={ca} />
    </div>
  )
}

/** Of a form: what it would do as it is filled in. */
export function FoldedCalls({ calls }: { calls: readonly ApiCall[] }) {
  return (
    <Folded title={words('api_call')}>
      <ApiCalls calls={calls} />
    </Folded>
  )
}

/** Made when it is unfolded: a form has no fields but its own before. */
function Folded({ title, children }: { title: string; children: ReactNode }) {
  const [open, setOpen] = useState(false)
  return (
    <ExpandableSection toggleText={title} isExpanded={open} onToggle={(_, expanded) => setOpen(expanded)}>
      {open && children}
    </ExpandableSection>
  )
}

/** What a command and a request need once: trust in the cloud's own authority, and who asks. */
function Beforehand({ ca }: { ca: boolean }) {
  const { user, project } = useSession()
  const sign_in = [
    'croft sign-in --url',
    location.origin,
    ...(ca ? ['--ca', ca_file] : []),
    '--user',
    quoted(user.name),
  ]
  if (project) sign_in.push('--project', quoted(project.name))
  return (
    <Folded title={words('api_call.before')}>
      <div className="croft-calls">
        {ca && (
          <p>
            {words('api_call.ca')}{' '}
            <a href={ca_path} download={ca_file}>
              {ca_file}
            </a>
          </p>
        )}
        <CopyBlock text={sign_in.join(' ')} label={words('api_call.sign_in')} />
        <p>
          {words('api_call.token')} <To to="/api-keys">{words('api_call.keys')}</To>
        </p>
        <CopyBlock text="read -rs TOKEN" label={words('api_call.token')} />
      </div>
    </Folded>
  )
}

const ca_path = '/ui/ca.pem'
const ca_file = 'croft-ca.pem'

let asking: Promise<boolean> | undefined

/** Whether programs have to be told to trust the cloud's own certificate authority: a controller with another certificate has none to give. */
function useOwnAuthority(): boolean {
  const [ca, setCa] = useState(false)
  useEffect(() => {
    if (location.protocol !== 'https:') return
    asking ??= fetch(ca_path, { method: 'HEAD' }).then(
      answer => answer.ok && answer.headers.get('content-type')?.startsWith('application/x-pem-file') === true,
      () => {
        asking = undefined
        return false
      },
    )
    void asking.then(setCa)
  }, [])
  return ca
}

/** With what it cannot go without, to be filled in; and what a dialog is for: the fields as they stand. */
function completed({ route, input, of }: ApiCall, shapes: RouteShapes | undefined): LooseInput {
  const body = { ...(input.body as Record<string, unknown> | undefined) }
  const fields = shapes?.body ?? []
  if (of && route.method === 'PATCH' && Object.keys(body).length === 0) {
    const there = fields.filter(({ name }) => isPlain(of[name]))
    for (const { name } of there.filter(one => usual.has(one.name))) body[name] = of[name]
    const [first] = there
    if (first && Object.keys(body).length === 0) body[first.name] = of[first.name]
  }
  for (const { name, required, type, flag } of fields) {
    if (!required || (body[name] !== undefined && body[name] !== '')) continue
    body[name] = type === 'array' ? [`<${flag}>`] : `<${flag}>`
  }
  const params = { ...input.params }
  for (const { name, flag } of shapes?.params ?? []) params[name] ??= `<${flag}>`
  return { ...input, params, ...(Object.keys(body).length > 0 && { body }) }
}

const usual = new Set(['name', 'description'])
const isPlain = (value: unknown) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

/** Undefined: there is none for it. */
function commandFor(route: Route, shapes: RouteShapes | undefined, input: LooseInput): string | undefined {
  return shapes && !shapes.hidden ? commandOf(route, shapes, input) : undefined
}

/** `ca`: the cloud's own authority is to be trusted. */
export function curlOf(route: Route, input: LooseInput, ca = false): string {
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => String(input.params?.[name] ?? `<${name}>`))
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(input.query ?? {}))
    if (value !== undefined && key !== 'cursor') for (const one of [value].flat()) query.append(key, String(one))
  const url = `${location.origin}${path}${query.size > 0 ? `?${query.toString()}` : ''}`
  const method = route.method === 'GET' ? [] : ['-X', route.method]
  const json = route.body
    ? [
        '-H',
        "'Content-Type: application/json'",
        '-d',
        `'${JSON.stringify(input.body ?? {}).replaceAll("'", String.raw`'\''`)}'`,
      ]
    : []
  return [
    'curl',
    ...(ca ? ['--cacert', ca_file] : []),
    '-H',
    '"Authorization: Bearer $TOKEN"',
    ...method,
    ...json,
    quoted(url),
  ].join(' ')
}
