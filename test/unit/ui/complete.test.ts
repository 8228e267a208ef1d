/** Everything that the API can do, the web UI can do: each route of the contract is used by it, with each field that it takes. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { suite, test } from 'node:test'
import { contract } from '../../../src/api/index.ts'
import type { Route } from '../../../src/api/route.ts'
import { instanceMoves } from '../../../src/model/instance.ts'

const ui = path.join(import.meta.dirname, '../../../src/ui')
const files = globSync('**/*.{ts,tsx}', { cwd: ui }).map(file => ({
  folder: file.split(path.sep)[0] ?? '',
  text: readFileSync(path.join(ui, file), 'utf8'),
}))

/** Routes that no file names as `routes.<noun>.<verb>`, each with the reason. */
const elsewhere: Readonly<Record<string, string>> = {
  'event.stream': 'followed by the SDK (src/ui/live)',
  'image.put': 'uploads go by the resumable way, image-upload',
  'image-upload.create': 'by the tus client in src/ui/image/uploads.ts',
  'image-upload.head': 'by the tus client in src/ui/image/uploads.ts',
  'image-upload.patch': 'by the tus client in src/ui/image/uploads.ts',
  'metrics.latest': 'graphs begin with the history and go on by metrics.stream',
  'metrics.prometheus': 'is for Prometheus (docs/metrics.md)',
  ...Object.fromEntries(
    Object.keys(instanceMoves).map(name => [
      `instance.${name}`,
      'by the table of moves in src/ui/instance/definition.tsx',
    ]),
  ),
}

/** Fields that forms leave out, each with the reason. */
const fields: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['create', 'plan'].flatMap(verb =>
      ['graphics', 'clipboard', 'video_model'].map(field => [
        `instance.${verb} ${field}`,
        'by the fields of src/ui/console/screen-settings.tsx',
      ]),
    ),
  ),
  'instance.console viewer_id': 'is for SPICE, which the page does not speak',
  'metrics.get devices': 'graphs show sums of disks and NICs',
  'metrics.stream devices': 'graphs show sums of disks and NICs',
  'security-group.check instance_id': 'the UI names the port, which an instance may have several of',
}

/** In every list, or of its reading. */
const common = new Set(['limit', 'cursor', 'sort', 'search', 'all_projects', 'name'])

const escaped = (text: string) => text.replaceAll(/[.[\]]/g, String.raw`\$&`)

function foldersUsing(noun: string, key: string): Set<string> {
  const names = [`routes.${noun}.${key}`, `routes['${noun}'].${key}`]
  const used = new RegExp(`(${names.map(escaped).join('|')})(?!\\w)`)
  return new Set(files.filter(({ text }) => used.test(text)).map(one => one.folder))
}

const all = Object.entries(contract).flatMap(([noun, routes]) =>
  Object.entries(routes as Record<string, Route>).map(([key, route]) => ({ noun, key, route })),
)

suite('the web UI can do what the API can do', () => {
  test('every route is used, or there is a reason why not', () => {
    const unused = all.filter(({ noun, key }) => foldersUsing(noun, key).size === 0).map(({ route }) => route.name)
    assert.deepEqual(
      unused.filter(name => elsewhere[name] === undefined),
      [],
      'no file of src/ui uses these routes',
    )
  })

  test('every reason is still needed', () => {
    const known = new Set(all.map(({ route }) => route.name as string))
    assert.deepEqual(
      Object.keys(elsewhere).filter(name => !known.has(name) && !name.endsWith('.purge')),
      [],
    )
  })

  test('every field that a route takes is named where it is used, or there is a reason why not', () => {
    const missing = all.flatMap(({ noun, key, route }) => {
      const folders = foldersUsing(noun, key)
      if (folders.size === 0) return []
      const text = files.flatMap(file => (folders.has(file.folder) ? [file.text] : [])).join('\n')
      const takes = [route.body, route.query].flatMap(shape =>
        shape && 'properties' in shape ? Object.keys(shape.properties as object) : [],
      )
      return takes
        .filter(field => !common.has(field) && !new RegExp(String.raw`\b${field}\b`).test(text))
        .map(field => `${route.name} ${field}`)
    })
    assert.deepEqual(
      missing.filter(one => fields[one] === undefined),
      [],
      'no file beside those that use the route names these fields',
    )
  })
})
