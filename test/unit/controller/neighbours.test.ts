/** Who is asked about a host: few of very many, the same each time, and not all from one corner. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { neighboursOf } from '../../../src/controller/reconcilers/lost-host.ts'

const idOf = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const hosts = (from: number, count: number, cluster_id: string, zone_id = 'z') =>
  Array.from({ length: count }, (_, n) => ({ id: idOf(from + n), name: `h${from + n}`, cluster_id, zone_id }))

describe('controller/neighbours', () => {
  const there = [...hosts(0, 300, 'a'), ...hosts(300, 2, 'b'), ...hosts(302, 5, 'c', 'elsewhere')]
  const of = (n: number, cluster_id: string) =>
    neighboursOf({ host_id: idOf(n), cluster_id, zone_id: 'z' }, there).map(one => one.id)

  test('three others of its cluster, far from each other, the same each time', () => {
    for (let n = 0; n < 300; n++) {
      const chosen = of(n, 'a')
      assert.equal(new Set(chosen).size, 3)
      assert.ok(!chosen.includes(idOf(n)))
      assert.deepEqual(of(n, 'a'), chosen)
      const places = chosen.map(id => Number.parseInt(id.slice(-12), 16)).sort((a, b) => a - b) as [
        number,
        number,
        number,
      ]
      assert.ok(places[2] < 300)
      assert.ok(places[1] - places[0] >= 90 && places[2] - places[1] >= 90, places.join())
    }
  })

  test('others of its zone where its cluster has too few, and never those of another zone', () => {
    const chosen = of(300, 'b')
    assert.equal(chosen[0], idOf(301))
    assert.equal(new Set(chosen).size, 3)
    assert.deepEqual(neighboursOf({ host_id: idOf(0), cluster_id: 'a', zone_id: 'none' }, there), [])
  })
})
