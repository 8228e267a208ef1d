/** What a plug-in may give to a call: nothing that makes it another request than the one that was approved. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { checkedInput } from '../../../src/ui/plugin/checked-input.ts'

const route = { name: 'thing.part' as const, path: '/v1/things/:thing/parts/:part' }

suite('input of a plug-in', () => {
  test('known parts go through, all others stay behind', () => {
    const input = {
      params: { thing: 'a-1', part: 'b', more: '../x' },
      query: { limit: 1 },
      body: [1],
      if_match: 3,
      wait_s: 600,
    }
    const sent = checkedInput(route, { ...input, idempotency_key: 'k', signal: 'x', headers: { authorization: 'x' } })
    assert.deepEqual(sent, {
      params: { thing: 'a-1', part: 'b' },
      query: { limit: 1 },
      body: [1],
      if_match: 3,
      wait_s: 60,
    })
    assert.deepEqual(checkedInput({ name: 'a.b', path: '/v1/a' }, undefined), { params: {}, query: {} })
  })

  test('no parameter makes another path', () => {
    for (const thing of ['', '.', '..', '%2e%2e', 'a/b', '..\\', 'a?b', 'a#b', ' ', 7, null, {}, ['a']])
      assert.throws(() => checkedInput(route, { params: { thing, part: 'b' } }), /params\.thing is no id/)
    fc.assert(
      fc.property(fc.string(), thing => {
        let params: Record<string, unknown>
        try {
          params = checkedInput(route, { params: { thing, part: 'b' } }).params ?? {}
        } catch {
          return
        }
        const url = new URL(`/v1/things/${encodeURIComponent(String(params.thing))}/parts/b`, 'http://x')
        assert.equal(url.pathname.split('/').length, 6)
        assert.ok(url.pathname.startsWith('/v1/things/') && url.pathname.endsWith('/parts/b'))
      }),
    )
  })

  test('the client that authors get stands alone', () => {
    const text = readFileSync(path.join(import.meta.dirname, '../../../src/ui/plugin/plugin-api.ts'), 'utf8')
    assert.doesNotMatch(text, /^import\b|^export .*\bfrom '/m)
  })
})
