/** What is shown while an operation is waited for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Maintenance } from '../../../src/api/maintenance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { progressOf } from '../../../src/cli/commands/host-maintenance.ts'
import type { Context } from '../../../src/cli/context.ts'
import type { Show } from '../../../src/cli/progress.ts'
import { waitForOperations } from '../../../src/cli/wait.ts'

const running = { id: 'o1', state: 'running', targets: 1, succeeded: 0, ended_at: null, step: 'as the operation says' }

/** As much of it as is looked at here. */
const as = <T>(part: unknown) => part as T

/** A client whose operation ends once all events have been looked at. */
function contextOf(events: readonly { resource_id: string }[], shown: string[]): Context {
  let all_seen = () => {}
  const seen = new Promise<void>(resolve => (all_seen = resolve))
  const client = {
    askLoosely: async () => {
      await seen
      return { body: { ...running, state: 'succeeded', ended_at: 'now' } }
    },
    async *events() {
      for (const event of events) yield event
      all_seen()
    },
  }
  const show: Show = text => shown.push(text)
  const step = async (_: string, work: (show: Show) => Promise<unknown>) => await work(show)
  const nouns = { operation: { get: {} } }
  return as<Context>({ client: async () => client, nouns, out: { live: true, progress: () => ({ step }) } })
}

test('of a maintenance: how far it is and what is in the way, anew when its host has changed', async () => {
  const shown: string[] = []
  let asked = 0
  const told = async () => `told ${(asked += 1)}`
  const context = contextOf([{ resource_id: 'h1' }, { resource_id: 'other' }, { resource_id: 'o1' }], shown)
  await waitForOperations(context, 'emptying', [{ operation: as<Operation>(running), resource_ids: ['h1'], told }])
  assert.deepEqual(shown, ['told 1', 'told 2', 'told 3'])
})

test('counts, and the first of what is in the way', () => {
  const obstacle = (instance: string) => ({ instance, reason: 'no host has room for it' })
  const maintenance = (obstacles: object[]) => as<Maintenance>({ moved: 3, moving: 2, left: 5, obstacles })
  assert.equal(progressOf(maintenance([])), '3 moved, 2 on their way, 5 still there')
  assert.equal(
    progressOf(maintenance([obstacle('web'), obstacle('db')])),
    '3 moved, 2 on their way, 5 still there; web (and 1 more): no host has room for it',
  )
})
