/** Waiting for what a service brings about ends as soon as it is known to crash again and again. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Crashing, unlessCrashing } from '../../../src/host/crashes.ts'
import type { ServiceStatus } from '../../../src/host/service.ts'
import { supervisorClient } from '../../../src/host/supervisor-client.ts'

type Looked = Pick<ServiceStatus, 'state' | 'restarts' | 'last_end'>

/** What is waited for never comes; says whether it was told that nobody waits any more. */
function never() {
  let given_up = false
  const wait = (signal: AbortSignal) =>
    new Promise<never>(() => signal.addEventListener('abort', () => (given_up = true)))
  return { wait, isGivenUp: () => given_up }
}

const soon = () => Promise.resolve()

function looking(...found: (Looked | undefined)[]) {
  let n = 0
  return () => Promise.resolve(found[Math.min(n++, found.length - 1)])
}

const crashed = (restarts: number): Looked => ({ state: 'waiting', restarts, last_end: 'ended with code 1' })

void test('one that crashed three times since the first look is waited for no more', async () => {
  const { wait, isGivenUp } = never()
  const look = looking(undefined, crashed(7), crashed(8), crashed(9), crashed(10))
  await assert.rejects(unlessCrashing(wait, look, soon), (error: unknown) => {
    assert.ok(error instanceof Crashing)
    assert.equal(error.message, 'crashed 3 times since it was started (the last time it ended with code 1)')
    return true
  })
  assert.equal(isGivenUp(), true)
})

void test('one that is not started again at all is waited for no more', async () => {
  const look = looking(
    { state: 'running', restarts: 0, last_end: null },
    { state: 'stopped', restarts: 0, last_end: null },
  )
  await assert.rejects(unlessCrashing(never().wait, look, soon), /ended, and is not started again$/)
})

void test('one that came up after a crash or two is waited for, and looked at no more once it is there', async () => {
  let looks = 0
  const ready = Promise.withResolvers<string>()
  const given_up = Promise.withResolvers<void>()
  const look = async () => {
    looks += 1
    return crashed(Math.min(looks - 1, 2))
  }
  // The twentieth pause would never end by itself: that it comes up meanwhile ends it.
  const pause = async (signal: AbortSignal) => {
    if (looks < 20) return
    ready.resolve('there')
    await once(signal, 'abort')
    given_up.resolve()
    signal.throwIfAborted()
  }
  assert.equal(await unlessCrashing(() => ready.promise, look, pause), 'there')
  await given_up.promise
  assert.equal(looks, 20)
})

void test('what a service said last is told for people', async () => {
  const log_dir = mkdtempSync(path.join(tmpdir(), 'said-'))
  try {
    const lines = [
      'plain',
      '{"msg":"no libvirt","err":{"message":"refused"}}',
      '{"msg":"not brought up.","err":{"message":"not brought up.: no extension: denied"}}',
    ]
    writeFileSync(path.join(log_dir, 'croft-agent.log'), `${lines.join('\n')}\n`)
    const client = supervisorClient({ run_dir: log_dir, log_dir })
    assert.equal(await client.said('croft-agent'), 'plain\nno libvirt: refused\nnot brought up.: no extension: denied')
    assert.equal(await client.said('never-ran'), '')
  } finally {
    rmSync(log_dir, { recursive: true })
  }
})
