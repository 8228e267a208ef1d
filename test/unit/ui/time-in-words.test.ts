/** Times within sentences of the API are found, so that pages can show them as the user has them; all else stays word for word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partsOf } from '../../../src/ui/text/time-in-words.ts'

test('a time within a sentence is a part of its own, whatever stands around it', () => {
  const at = '2026-11-23T09:15:55.155Z'
  assert.deepEqual(partsOf(`The host h1 was lost; its lease was over at ${at}.`), [
    { text: 'The host h1 was lost; its lease was over at ' },
    { text: at, at },
    { text: '.' },
  ])
  assert.deepEqual(partsOf(at), [{ text: at, at }])
  const [from, to] = ['2026-11-23T09:15:55Z', '2026-11-23T10:15:55+01:00']
  assert.deepEqual(
    partsOf(`${from} to ${to}`).map(part => part.at),
    [from, undefined, to],
  )
})

test('what is no time stays as it is', () => {
  for (const text of ['', 'Nothing was heard of it.', 'on 2026-11-23', 'rack 2026-13-45T99:00:00Z is none'])
    assert.equal(
      partsOf(text)
        .map(part => (assert.equal(part.at, undefined), part.text))
        .join(''),
      text,
    )
})
