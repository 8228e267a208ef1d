import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasLabel } from '../../../src/model/host-label.ts'

test('a host has a label by its key, or by key and value; either may have = in it', () => {
  const labels = { rack: 'r1', 'a=b': 'c=d', empty: '' }
  for (const asked of ['rack', 'rack=r1', 'a=b', 'a=b=c=d', 'empty', 'empty='])
    assert.ok(hasLabel(labels, asked), asked)
  for (const asked of ['', 'r1', 'rack=', 'rack=r', 'a', 'a=b=c', 'empty=r1'])
    assert.ok(!hasLabel(labels, asked), asked)
})
