/** What events change of a list that is open: only what they do not tell is read again. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { InfiniteQueryObserver, QueryClient } from '@tanstack/react-query'
import type { Event } from '../../../src/api/event.ts'
import type { Host } from '../../../src/api/host.ts'
import { judge } from '../../../src/ui/host/judge.ts'
import { Applier } from '../../../src/ui/live/apply.ts'
import { belongs } from '../../../src/ui/live/belongs.ts'
import type { NounDefinition } from '../../../src/ui/noun/definition.ts'

const hosts = { name: 'host', default_sort: 'name', judge } as Partial<NounDefinition<Host>> as NounDefinition
const host = (name: string, changes: Partial<Host> = {}) =>
  ({
    ...{ id: name, name, state: 'up', availability: 'up', maintenance: null, other_hardware: null, labels: {} },
    ...{ attention: [], disagreements: [], disbelieved: [], foreign_domains: [], ...changes },
  }) as Partial<Host> as Host
const away = { state: 'unreachable', availability: 'silent', attention: ['availability'] } satisfies Partial<Host>
const in_maintenance = { availability: 'maintenance', maintenance: { since: '', drained: false } } as const
const changed = (one: Host) => ({ noun: 'host', kind: 'changed', resource_id: one.id, resource: one }) as Event

/** A list of hosts as somebody looks at it; `told` is what the API answers from then on. */
async function listOf(items: readonly Host[], asked: object, told: readonly Host[]) {
  const cache = new QueryClient()
  let reads = 0
  const page = () => ({ items: [...(reads++ === 0 ? items : told)], next: null })
  const queryKey = ['list', 'host', asked]
  const observer = new InfiniteQueryObserver(cache, {
    queryKey,
    queryFn: () => Promise.resolve(page()),
    initialPageParam: null,
    getNextPageParam: () => null,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const stop = observer.subscribe(() => undefined)
  await observer.refetch({ cancelRefetch: false })
  const applier = new Applier(cache, [hosts], null, () => Promise.reject(new Error('Nothing is to be read by its id.')))
  return {
    async hear(...events: readonly Host[]): Promise<{ names: string[]; reads: number }> {
      const before = reads
      applier.events(events.map(changed))
      // What is to be read again is under way at once.
      await untilRead(cache)
      const pages = cache.getQueryData<{ pages: { items: Host[] }[] }>(queryKey)?.pages ?? []
      return { names: pages.flatMap(one => one.items.map(each => each.name)), reads: reads - before }
    },
    async [Symbol.asyncDispose]() {
      stop()
      cache.clear()
      await Promise.resolve()
    },
  }
}

function untilRead(cache: QueryClient): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    if (cache.isFetching() === 0) resolve()
  }
  const stop = cache.getQueryCache().subscribe(look)
  look()
  return promise.finally(stop)
}

suite('lists of hosts that need attention', () => {
  const asked = { attention: 'true', sort: 'name' }

  test('each says whether it does: nothing is read again', async () => {
    await using list = await listOf([host('b', away)], asked, [])
    assert.deepEqual(await list.hear(host('b', { ...away, instances: 3 })), { names: ['b'], reads: 0 })
    assert.deepEqual(await list.hear(host('a', away), host('c')), { names: ['a', 'b'], reads: 0 })
    assert.deepEqual(await list.hear(host('b')), { names: ['a'], reads: 0 })
    const held_up = host('d', { ...in_maintenance, attention: ['maintenance'] })
    assert.deepEqual(await list.hear(held_up, host('e', in_maintenance)), { names: ['a', 'd'], reads: 0 })
    assert.deepEqual(await list.hear(host('d', in_maintenance)), { names: ['a'], reads: 0 })
  })
})

suite('what a list asks for', () => {
  const definition = (judged: Record<string, boolean | null> = {}) => ({ judge: () => judged })
  const item = { id: '019a', name: 'web-1', project_id: 'ours', state: 'running', reason: null }
  const verdict = (asked: object, judged?: Record<string, boolean | null>, of = item) =>
    belongs(definition(judged), of, { ...asked }, 'ours')

  test('equal fields let it in, and what a noun judges by itself is not looked for among them', () => {
    assert.equal(verdict({ sort: 'name', state: ['running', 'stopped'] }), true)
    assert.equal(verdict({ state: 'stopped', open: 'true' }, { open: true }), false)
    assert.equal(verdict({ open: 'true' }, { open: true }), true)
    assert.equal(verdict({ open: 'true' }), null)
    assert.equal(verdict({ open: 'true', state: 'running' }, { open: null }), null)
    assert.equal(verdict({ reason: 'true' }), false)
  })

  test('it is searched for by name, by id, or by an address that it does not tell', () => {
    assert.equal(verdict({ search: 'WEB' }), true)
    assert.equal(verdict({ search: 'db' }), false)
    assert.equal(verdict({ search: '10.0.0.7' }), null)
    assert.equal(verdict({ search: '10.0.0.7', state: 'stopped' }), false)
  })

  test('what is of others comes into lists of all projects only', () => {
    const theirs = { ...item, project_id: 'theirs' }
    assert.equal(verdict({}, {}, theirs), false)
    assert.equal(verdict({ all_projects: 'true' }, {}, theirs), true)
    assert.equal(belongs({ shared_between_projects: true }, theirs, {}, 'ours'), null)
    assert.equal(belongs({ of_the_cloud: true }, theirs, {}, 'ours'), true)
  })
})
