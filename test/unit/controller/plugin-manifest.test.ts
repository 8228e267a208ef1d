/** plugin.json: what is taken, what is refused and in which words; and that no route that hands out a secret is a plug-in's. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { suite, test } from 'node:test'
import { allRoutes } from '../../../src/api/index.ts'
import { PluginRefused, parseManifest } from '../../../src/controller/app/plugin-manifest.ts'
import { never_for_plugins } from '../../../src/model/plugin.ts'

const good = {
  croft: 1,
  id: 'mine',
  version: '1.0.0',
  title: { en: 'Mine', de: 'Meins' },
  tabs: [{ id: 'a', noun: 'instance', title: { en: 'A' }, page: 'a.html', needs: 'instance.read' }],
  pages: [{ id: 'a', title: { en: 'A' }, page: 'sub/b.html', area: 'compute' }],
  routes: ['instance.list', 'instance.stop'],
  events: ['instance'],
  settings: { any: ['thing', { at: 'all' }] },
}
const files = new Set(['a.html', 'sub/b.html'])
const parse = (value: unknown, folder = 'mine') =>
  parseManifest(typeof value === 'string' ? value : JSON.stringify(value), folder, files)
const refused = (value: unknown, words: RegExp) =>
  assert.throws(
    () => parse(value),
    (error: unknown) => error instanceof PluginRefused && words.test(error.message),
    String(words),
  )

suite('plugin.json', () => {
  test('a good one is what it says', () => {
    assert.deepEqual(parse(good), good)
    const { tabs: _, routes: _1, events: _2, settings: _3, ...little } = good
    assert.deepEqual(parse(little), little)
  })

  test('each fault is named', () => {
    refused('{', /is not JSON/)
    refused('[]', /plugin\.json: it must be object/)
    refused(`"${'x'.repeat(70_000)}"`, /longer than 65536/)
    refused({ ...good, croft: 2 }, /croft must be/)
    refused({ ...good, Title: 'x' }, /Title/)
    refused({ ...good, title: 'Mine' }, /title must be object/)
    refused({ ...good, title: { de: 'Meins' } }, /no "en"/)
    refused({ ...good, id: 'other' }, /its folder is called "mine"/)
    refused({ ...good, tabs: [], pages: [] }, /neither tabs nor pages/)
    refused({ ...good, tabs: [{ ...good.tabs[0], noun: 'cow' }] }, /no noun "cow"/)
    refused({ ...good, tabs: [{ ...good.tabs[0], noun: 'event' }] }, /no noun "event" with pages/)
    refused({ ...good, tabs: [{ ...good.tabs[0], noun: 'toString' }] }, /no noun "toString"/)
    refused({ ...good, tabs: [{ ...good.tabs[0], needs: 'everything' }] }, /tabs\.0\.needs/)
    refused({ ...good, tabs: [good.tabs[0], good.tabs[0]] }, /tab id a is there twice/)
    refused({ ...good, pages: [{ ...good.pages[0], page: 'c.html' }] }, /c\.html is not in the folder/)
    refused({ ...good, pages: [{ ...good.pages[0], page: '../a.html' }] }, /pages\.0\.page/)
    refused({ ...good, events: ['cow'] }, /no noun "cow" to hear/)
    refused({ ...good, routes: ['instance.fly'] }, /no route "instance\.fly"/)
    refused({ ...good, routes: ['instance.list', 'instance.list'] }, /routes/)
  })

  test('ways in are nobody’s, approved or not', () => {
    for (const name of Object.keys(never_for_plugins)) {
      assert.ok(
        allRoutes.some(route => route.name === name),
        `${name} is in the contract`,
      )
      refused({ ...good, routes: [name] }, /is not for plug-ins/)
    }
    refused({ ...good, routes: ['event.stream'] }, /carries bytes/)
    refused({ ...good, routes: ['instance.log'] }, /carries bytes/)
    refused({ ...good, routes: ['image.put'] }, /carries bytes/)
  })

  test('a route whose answer has a secret is among them', () => {
    const secret = /"(token|secret|password|private_key|ticket|first_password)":/
    const held = allRoutes
      .filter(({ method, stream }) => method !== 'GET' && method !== 'HEAD' && !stream)
      .filter(route => secret.test(JSON.stringify(route.reply ?? {})))
      .map(route => route.name)
    assert.ok(held.length >= 6, held.join(', '))
    assert.deepEqual(
      held.filter(name => !(name in never_for_plugins)),
      [],
    )
  })

  test('examples that are shipped are good', () => {
    const examples = path.join(import.meta.dirname, '../../../examples/plug-ins')
    const names = readdirSync(examples)
    assert.ok(names.includes('cost'))
    for (const name of names) {
      const has = new Set(readdirSync(path.join(examples, name)))
      parseManifest(readFileSync(path.join(examples, name, 'plugin.json'), 'utf8'), name, has)
    }
  })
})
