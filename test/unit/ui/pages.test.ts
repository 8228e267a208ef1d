/** A list changed by events is what a fresh reading of it would give, as far as it was read. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { contains, insert, type Pages, replace } from '../../../src/ui/live/pages.ts'

const items = fc.uniqueArray(fc.record({ id: fc.uuid(), name: fc.constantFrom('a', 'b', 'c', 'd') }), {
  selector: one => one.id,
  minLength: 2,
  maxLength: 30,
})
type Named = { id: string; name: string }

function sorted(all: readonly Named[], sort: string): Named[] {
  const sign = sort.startsWith('-') ? -1 : 1
  return all.toSorted((one, other) => {
    const [a, b] = [`${one.name} ${one.id}`, `${other.name} ${other.id}`]
    return sign * (a < b ? -1 : 1)
  })
}

function paged(all: readonly Named[], size: number, read: number): Pages {
  const pages: Pages = []
  for (let at = 0; at < all.length && pages.length < read; at += size)
    pages.push({ items: all.slice(at, at + size), next: at + size < all.length ? 'more' : null })
  return pages
}

const flat = (pages: Pages) => pages.flatMap(page => page.items.map(item => item.id))

const of = (...things: readonly [string, Named | null][]) => new Map(things)

suite('lists that follow events', () => {
  test('new things stand where the server would have them, as far as the list was read', () => {
    const sorts = fc.constantFrom('name', '-name')
    fc.assert(
      fc.property(items, sorts, fc.integer({ min: 1, max: 7 }), fc.nat(5), (all, sort, size, count) => {
        const fresh = all.slice(0, count)
        const pages = paged(sorted(all.slice(count), sort), size, 3)
        const after = insert(pages, fresh, sort)
        const expected = sorted(all, sort).map(one => one.id)
        assert.deepEqual(flat(after), expected.slice(0, flat(after).length))
        for (const one of fresh) assert.equal(contains(after, one.id), flat(after).includes(one.id))
        if (pages.at(-1)?.next === null) assert.equal(flat(after).length, all.length)
      }),
    )
  })

  test('things change and go where they stand, all at once, and leave the rest alone', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 7 }), fc.nat(9), fc.nat(9), (all, size, changing, going) => {
        const pages = paged(all, size, 99)
        const changed = all.slice(0, changing)
        const gone = all.slice(changing, changing + going)
        const now = of(
          ...changed.map((one): [string, Named] => [one.id, { ...one, name: 'z' }]),
          ...gone.map((one): [string, null] => [one.id, null]),
          ['nowhere', null],
        )
        const { pages: after, missing } = replace(pages, now, 'id')
        assert.deepEqual([...missing], ['nowhere'])
        const rest = all.filter(one => !gone.includes(one))
        assert.deepEqual(
          flat(after),
          rest.map(one => one.id),
        )
        const named = after.flatMap(page => page.items as Named[]).filter(one => one.name === 'z')
        assert.deepEqual(
          named.map(one => one.id),
          changed.map(one => one.id),
        )
        for (const one of all) assert.equal(contains(after, one.id), rest.includes(one))
        // What is not touched is the same as before, so that it is not drawn anew.
        assert.ok(after.every((page, n) => page === pages[n] || pages[n]?.items.some(one => now.has(one.id))))
      }),
    )
    const pages = paged([{ id: 'a', name: 'a' }], 5, 1)
    assert.equal(replace(pages, of(['b', null]), 'id').pages, pages)
  })

  test('what is sorted by something that has changed comes to its new place', () => {
    const sorts = fc.constantFrom('name', '-name')
    fc.assert(
      fc.property(items, sorts, fc.integer({ min: 1, max: 7 }), fc.nat(5), (all, sort, size, changing) => {
        const changed = all.slice(0, changing).map(one => ({ ...one, name: one.name === 'b' ? 'd' : 'b' }))
        const now = of(...changed.map((one): [string, Named] => [one.id, one]))
        const { pages, missing, moved } = replace(paged(sorted(all, sort), size, 99), now, sort)
        assert.equal(missing.size, 0)
        assert.deepEqual(new Set(moved), new Set(changed))
        const expected = sorted([...all.slice(changing), ...changed], sort)
        assert.deepEqual(
          flat(insert(pages, moved, sort)),
          expected.map(one => one.id),
        )
      }),
    )
  })
})
