/** Why somebody should look at a host. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type AttentionSeen, attentionOf, hostAttentions } from '../../../src/model/host-attention.ts'
import { hostAvailabilities } from '../../../src/model/host-state.ts'

const calm: AttentionSeen = {
  state: 'up',
  availability: 'up',
  foreign_domains: [],
  disagreements: [],
  other_hardware: null,
  is_obstructed: false,
  disbelieved: [],
}

suite('model/host-attention', () => {
  test('of one that is up, or in maintenance and linked, nothing; of all others that they are not', () => {
    for (const availability of hostAvailabilities) {
      const expected = ['up', 'maintenance'].includes(availability) ? [] : ['availability']
      assert.deepEqual(attentionOf({ ...calm, availability }), expected, availability)
      assert.deepEqual(attentionOf({ ...calm, availability, state: 'unreachable' }), ['availability'], availability)
    }
    // Nothing was told of its domains yet.
    assert.deepEqual(attentionOf({ ...calm, foreign_domains: null }), [])
  })

  test('each reason by itself, and all of them in one order', () => {
    const reasons: Record<(typeof hostAttentions)[number], Partial<AttentionSeen>> = {
      availability: { availability: 'late' },
      foreign_domains: { foreign_domains: [{ name: 'stranger' }] },
      disagreements: { disagreements: [{}] },
      other_hardware: { other_hardware: {} },
      maintenance: { is_obstructed: true },
      disbelieved: { disbelieved: ['It names the pool …'] },
    }
    for (const one of hostAttentions) assert.deepEqual(attentionOf({ ...calm, ...reasons[one] }), [one])
    assert.deepEqual(attentionOf(Object.assign({}, calm, ...Object.values(reasons))), [...hostAttentions])
  })
})
