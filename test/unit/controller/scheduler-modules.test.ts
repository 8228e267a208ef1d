/** A slow module of the scheduler, on a clock that stands still: who asks waits for it no longer than is set, however many ask. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { SchedulerModules } from '../../../src/controller/app/scheduler-modules.ts'
import { eventually } from '../../support/eventually.ts'
import { scratch } from '../../support/scratch.ts'
import { manualClock } from '../agent/fakes.ts'

/** Reads on once it may; says what it is asked, and answers each time that it may. */
const text = (folder: string) => `
  import { appendFileSync, existsSync, rmSync } from 'node:fs'
  const nap = new Int32Array(new SharedArrayBuffer(4))
  const until = file => {
    while (!existsSync(file)) Atomics.wait(nap, 0, 0, 1)
    rmSync(file)
  }
  appendFileSync('${folder}/said', 'reading ')
  until('${folder}/read')
  export const filter = (host, asked, count) => {
    appendFileSync('${folder}/said', String(count))
    until('${folder}/answer')
    return null
  }`

describe('controller/scheduler-modules', { timeout: 30_000 }, () => {
  const folders: string[] = []
  const opened: SchedulerModules[] = []
  let folder: string
  let clock: ReturnType<typeof manualClock>
  let modules: SchedulerModules
  let told: string[]

  beforeEach(async () => {
    folder = await scratch('croft-slow-module')
    folders.push(folder)
    await writeFile(join(folder, 'slow.js'), text(folder))
    clock = manualClock()
    told = []
    const values: Record<string, unknown> = {
      'scheduler.modules': ['slow.js'],
      'scheduler.module_timeout_ms': 200,
      'scheduler.module_failure': 'refuse',
    }
    const log = { info: () => undefined, warn: tell('warn'), error: tell('error') }
    modules = new SchedulerModules({
      controller: 'test',
      folder,
      settings: { get: (name: string) => values[name] },
      clock,
      log,
      database: { db: {} },
    } as never)
    opened.push(modules)
  })
  after(() => {
    for (const one of opened) one.close()
    for (const one of folders) rmSync(one, { recursive: true })
  })

  const tell = (level: string) => (about: { err: Error; module?: string }) =>
    void (about.module && told.push(`${level}: ${about.err.message}`))
  const ask = (count: number) => modules.ask([{ id: 'h1' }] as never, {} as never, count)
  const say = (what: 'read' | 'answer') => writeFile(join(folder, what), '')
  const untilAsked = (all: string) =>
    eventually(() => assert.equal(readFileSync(join(folder, 'said'), 'utf8'), `reading ${all}`))

  test('the time counts from the asking; who is late has its answer no more, and the module goes on', async () => {
    await say('read')
    const first = ask(1)
    await untilAsked('1')
    const others = Promise.allSettled([ask(2), ask(3)])
    await clock.advance(150)
    await say('answer')
    assert.deepEqual(await first, { filters: {}, weights: {} })
    await untilAsked('12')
    await clock.advance(50)
    assert.deepEqual(
      (await others).map(one => one.status === 'rejected' && one.reason.code),
      ['unavailable', 'unavailable'],
    )
    await say('answer')
    const fourth = ask(4)
    await untilAsked('124')
    await say('answer')
    assert.deepEqual(await fourth, { filters: {}, weights: {} })
    assert.deepEqual(told, ['warn: others had asked it before, and no answer came within 200 ms'])
  })

  test('the time in which it is read does not count', async () => {
    const both = [ask(1), ask(2)]
    await untilAsked('')
    await clock.advance(1000)
    await say('read')
    await untilAsked('1')
    await clock.advance(150)
    await say('answer')
    await untilAsked('12')
    await say('answer')
    assert.deepEqual(await Promise.all(both), [
      { filters: {}, weights: {} },
      { filters: {}, weights: {} },
    ])
    assert.deepEqual(told, [])
  })

  test('one that hangs fails for all who ask it, once', async () => {
    await say('read')
    const first = ask(1)
    await untilAsked('1')
    const ended = Promise.allSettled([first, ask(2), ask(3)])
    await clock.advance(200)
    assert.deepEqual(new Set((await ended).map(one => one.status)), new Set(['rejected']))
    await assert.rejects(ask(4), { code: 'unavailable' })
    assert.equal(told.filter(one => one === 'error: it took longer than 200 ms').length, 1)
  })
})
