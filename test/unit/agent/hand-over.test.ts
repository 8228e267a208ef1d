/** The end of a move at its source: whatever fails there, a guest that the target runs never goes on here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PeerLost } from '../../../src/agent/drivers/move/conversation.ts'
import { type HandOver, handOver } from '../../../src/agent/drivers/move/hand-over.ts'
import type { PeerReply } from '../../../src/protocol/peer.ts'
import { quiet, uuid, wantedInstance } from './fakes.ts'

const migration = {
  id: uuid(50),
  step: 'send' as const,
  kind: 'live' as const,
  peer_host_id: uuid(51),
  secret: 's'.repeat(16),
  copied_volumes: [],
  auto_converge: false,
}

/** What `confirm3` was told: that it was cancelled, or not. */
async function end(answer: () => Promise<PeerReply>, confirmed: () => Promise<void> = async () => undefined) {
  const told: boolean[] = []
  const parts: HandOver = {
    peer: { ask: answer, sockets: { memory: '/m', disks: '/d' } },
    watch: { migration: { jobStats: async () => Promise.reject(new Error('no stats')) } },
    leader: {
      migration: {
        confirm3: (_domain, _cookie, _flags, _params, cancelled) => {
          told.push(cancelled)
          return confirmed()
        },
      },
    },
    terms: { instance: wantedInstance(), migration, incremental: false, unsafe: false },
    writtenSince: async () => ({}),
    log: quiet,
  }
  const sent = await handOver(uuid(1), parts, Buffer.from('cookie'), { postcopy: false, last: null })
  return { outcome: sent.outcome, told }
}

const finished = (ok: boolean) => async (): Promise<PeerReply> => ({ type: 'finished', ok, cookie: '', reason: null })
const fails = () => Promise.reject(new Error('libvirtd is gone'))

test('the target runs it, and libvirt here takes that in', async () => {
  assert.deepEqual(await end(finished(true)), { outcome: 'switched', told: [false] })
})

test('the target runs it, and libvirt here does not take that in: it has gone over all the same', async () => {
  assert.deepEqual(await end(finished(true), fails), { outcome: 'switched', told: [false] })
})

test('the target says that it never ran: it goes on here, or it is told that it could not', async () => {
  assert.deepEqual(await end(finished(false)), { outcome: 'stayed', told: [true] })
  await assert.rejects(end(finished(false), fails), /libvirtd is gone/)
})

test('the target says nothing, or something else: nothing is confirmed here, and it is asked', async () => {
  const lost = () => Promise.reject(new PeerLost('gone'))
  assert.deepEqual(await end(lost), { outcome: 'unsure', told: [] })
  assert.deepEqual(await end(async () => ({ type: 'wanted_files' })), { outcome: 'unsure', told: [] })
})
