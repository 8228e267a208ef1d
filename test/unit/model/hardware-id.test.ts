/** By what machines are told apart, and what says nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  compareHardware,
  type HardwareId,
  hardwareId,
  hardwareWords,
  isSameSaying,
  mergedHardware,
} from '../../../src/model/hardware-id.ts'

const boards = ['', '4c4c4544-0035-4c10-8044-b7c04f4d3332', '4C4C4544-0035-4C10-8044-B7C04F4D3333', 'Not Settable']
const nics = [
  '52:54:00:00:00:01',
  '52:54:00:00:00:02',
  '52:54:00:00:00:03',
  '00:00:00:00:00:00',
  'a0:00:02:20:fe:80:00:00',
]
const said = fc
  .record({ board: fc.constantFrom(...boards), nics: fc.subarray(nics) })
  .map((one): HardwareId => hardwareId(one))

test('what makers leave unset says nothing', () => {
  for (const board of ['03000200-0400-0500-0006-000700080009', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 'None', ''])
    assert.deepEqual(hardwareId({ board, nics: ['00:00:00:00:00:00'] }), {})
  assert.equal(hardwareWords(hardwareId({ board: '', nics: [] })), null)
  assert.equal(
    hardwareWords(hardwareId({ board: '', nics: ['52:54:00:00:00:02', '52:54:00:00:00:01 '] })),
    'NICs 52:54:00:00:00:01 52:54:00:00:00:02',
  )
})

test('a machine is never another one than itself, whatever it says more or less; and two boards are two machines', () => {
  fc.assert(
    fc.property(said, said, (one, other) => {
      assert.notEqual(compareHardware(one, one), 'other')
      assert.equal(compareHardware(one, other), compareHardware(other, one))
      if (one.board && other.board) assert.equal(compareHardware(one, other) === 'same', one.board === other.board)
      if (hardwareWords(one) === null) assert.equal(compareHardware(one, other), 'unknown')
      if (compareHardware(one, other) === 'other') return
      // What is learnt of it makes neither of the two another machine.
      const learnt = mergedHardware(one, other)
      assert.notEqual(compareHardware(learnt, other), 'other')
      assert.ok(isSameSaying(learnt, mergedHardware(learnt, other)))
    }),
  )
})
