/** A list changed by events is what a fresh reading of it would give, as far as it was read. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { insert, type Pages, remove, replace } from '../../../src/ui/live/pages.ts'

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

suite('lists that follow events', () => {
  test('a new thing stands where the server would have it', () => {
    fc.assert(
      fc.property(items, fc.constantFrom('name', '-name'), fc.integer({ min: 1, max: 7 }), (all, sort, size) => {
        const [fresh, ...before] = all as [Named, ...Named[]]
        const pages = paged(sorted(before, sort), size, 3)
        const after = insert(pages, fresh, sort)
        const expected = sorted(all, sort).map(one => one.id)
        assert.deepEqual(flat(after), expected.slice(0, flat(after).length))
      }),
    )
  })

  test('replacing and removing leave the rest alone', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 7 }), (all, size) => {
        const pages = paged(all, size, 99)
        const [one] = all as [Named, ...Named[]]
        assert.deepEqual(
          flat(remove(pages, one.id)),
          flat(pages).filter(id => id !== one.id),
        )
        const changed = replace(pages, { ...one, name: 'z' })
        assert.deepEqual(flat(changed), flat(pages))
        assert.equal(remove(pages, 'none'), pages)
      }),
    )
  })
})
