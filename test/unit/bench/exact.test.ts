import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chanceOfAtLeast } from '../../../bench/lab/exact.ts'

const near = (given: number, wanted: number) => assert(Math.abs(given - wanted) < 1e-9, `${given} is to be ${wanted}`)

void test('the lady who tastes tea: three of four right come in 17 of 70 cases, all four in one', () => {
  near(chanceOfAtLeast({ tried: 4, found: 3 }, { tried: 4, found: 1 }), 17 / 70)
  near(chanceOfAtLeast({ tried: 4, found: 4 }, { tried: 4, found: 0 }), 1 / 70)
})

void test('nothing found, or all of it, says nothing', () => {
  near(chanceOfAtLeast({ tried: 60, found: 0 }, { tried: 60, found: 0 }), 1)
  near(chanceOfAtLeast({ tried: 60, found: 60 }, { tried: 60, found: 60 }), 1)
})

void test('the less the other has, the less it is chance', () => {
  const chances = [5, 3, 1, 0].map(found => chanceOfAtLeast({ tried: 60, found: 5 }, { tried: 60, found }))
  assert.deepEqual(
    chances,
    chances.toSorted((a, b) => b - a),
  )
  near(chanceOfAtLeast({ tried: 60, found: 0 }, { tried: 60, found: 5 }), 1)
})
