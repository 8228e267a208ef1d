/** "The same as CLI / API call": what a page shows, or a form would do, as a command and as a request. Made from the routes. */
import { Button, Modal, ModalBody, ModalHeader } from '@patternfly/react-core'
import CodeIcon from '@patternfly/react-icons/dist/esm/icons/code-icon'
import { useEffect, useState } from 'react'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { type FieldShape, loadShapes, type RouteShapes } from '../api/shapes.ts'
import { words } from '../text/shared.ts'
import { CopyBlock } from './copy-block.tsx'

export interface ApiCall {
  route: Route
  input: LooseInput
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

export function ApiCalls({ calls }: { calls: readonly ApiCall[] }) {
  const [shapes, setShapes] = useState<Readonly<Record<string, RouteShapes>>>({})
  useEffect(() => void loadShapes().then(setShapes), [])
  return (
    <div className="croft-calls">
      {calls.map(({ route, input }) => (
        <section key={route.name + JSON.stringify(input)}>
          <p>{shapes[route.name]?.summary}</p>
          {shapes[route.name] && !shapes[route.name]?.hidden && (
            <CopyBlock text={commandOf(route, shapes[route.name], input)} label={words('api_call.cli')} />
          )}
          <CopyBlock text={curlOf(route, input)} label={words('api_call.api')} />
        </section>
      ))}
    </div>
  )
}

/** As a shell takes it. */
const quoted = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`)

export function commandOf(route: Route, shapes: RouteShapes | undefined, input: LooseInput): string {
  const [noun = '', verb = ''] = route.name.split('.')
  const parts = ['croft', noun, verb]
  const add = (fields: readonly FieldShape[], values: Readonly<Record<string, unknown>>) => {
    for (const field of fields) {
      const value = values[field.name]
      if (value === undefined || field.name === 'limit' || field.name === 'cursor') continue
      if (field.positional) parts.push(quoted(String(value)))
      else if (value === true) parts.push(`--${field.flag}`)
      else if (value === false || value === null) parts.push(`--no-${field.flag}`)
      else for (const text of textsOf(value)) parts.push(`--${field.flag}`, quoted(text))
    }
  }
  add(shapes?.params ?? [], input.params ?? {})
  const body = (input.body ?? {}) as Record<string, unknown>
  add(
    (shapes?.body ?? []).toSorted((one, other) => Number(other.positional) - Number(one.positional)),
    body,
  )
  add(shapes?.query ?? [], input.query ?? {})
  return parts.join(' ')
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (typeof value !== 'object' || value === null) return [String(value)]
  return [
    Object.entries(value)
      .map(([key, one]) => `${key}=${String(one)}`)
      .join(','),
  ]
}

export function curlOf(route: Route, input: LooseInput): string {
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => String(input.params?.[name] ?? `<${name}>`))
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(input.query ?? {}))
    if (value !== undefined && key !== 'cursor') query.append(key, String(value))
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
  return ['curl', '-H', '"Authorization: Bearer $TOKEN"', ...method, ...json, quoted(url)].join(' ')
}
