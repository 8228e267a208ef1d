/** Which figures a command line asks for, and how they and profiles are told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summary } from '../../../bench/cloud/profile.ts'
import { BadUsage, line, median, parseCommandLine, quantile, selectFigures } from '../../../bench/figures.ts'
import { groups } from '../../../bench/groups.ts'

const names = ['boot.rate', 'boot.p50', 'list.p50', 'list.p50_at_100k', 'mem.agent']
const specs = names.map(name => ({ name }))
const asked = (...prefixes: string[]) => [...selectFigures(specs, prefixes, false)]

test('without a prefix all figures are asked for', () => {
  assert.deepEqual(asked(), names)
})

test('a prefix asks for what begins so, several for all of theirs', () => {
  assert.deepEqual(asked('boot.'), ['boot.rate', 'boot.p50'])
  assert.deepEqual(asked('mem', 'boot.r'), ['boot.rate', 'mem.agent'])
})

test('a whole name asks for that one alone', () => {
  assert.deepEqual(asked('list.p50'), ['list.p50'])
  assert.deepEqual(asked('list.p'), ['list.p50', 'list.p50_at_100k'])
})

test('a long figure is left out, unless long ones or that very one are asked for', () => {
  const some = [...specs, { name: 'list.of_all', long: true }]
  assert.deepEqual([...selectFigures(some, ['list.'], false)], ['list.p50', 'list.p50_at_100k'])
  assert.deepEqual([...selectFigures(some, ['list.'], true)], ['list.p50', 'list.p50_at_100k', 'list.of_all'])
  assert.deepEqual([...selectFigures(some, ['list.of_all'], false)], ['list.of_all'])
  assert.deepEqual([...selectFigures(some, [], false)], names)
})

test('a prefix that no figure has is refused, with all names', () => {
  assert.throws(
    () => asked('boot.', 'boat'),
    (error: Error) =>
      error instanceof BadUsage && /'boat'/.test(error.message) && names.every(name => error.message.includes(name)),
  )
})

test('the command line: what it takes, and what it refuses', () => {
  const given = parseCommandLine(['--only', 'boot.', '--only', 'get.p50', '--verbose', '--profile-dir', 'here'])
  assert.deepEqual(given, {
    only: ['boot.', 'get.p50'],
    list: false,
    long: false,
    verbose: true,
    profile: false,
    profile_dir: 'here',
    statements: false,
    share: 1,
  })
  assert.deepEqual(parseCommandLine([]).only, [])
  for (const wrong of [['boot.'], ['--only'], ['--fast']]) assert.throws(() => parseCommandLine(wrong), BadUsage)
})

test('every group lists its figures, each name once, and the names that are promised are there', async () => {
  const listed = (await Promise.all(groups.map(load => load()))).flatMap(group => group.figures.map(({ name }) => name))
  assert.equal(new Set(listed).size, listed.length)
  const promised =
    `boot.rate boot.p50 boot.batch_rate delete.rate list.p50 list.p50_at_100k get.p50 get.rate token.check_rate
    events.rate mem.controller mem.postgres mem.agent start.ready guest.overhead`.split(/\s+/)
  assert.deepEqual(
    promised.filter(name => !listed.includes(name)),
    [],
  )
})

test('a figure is one line with four digits', () => {
  assert.equal(line({ name: 'boot.p50', unit: 'ms', better: 'less' }, 12.345678), 'boot.p50 12.35 ms')
  assert.equal(line({ name: 'events.rate', unit: '/s', better: 'more' }, 150_312.4), 'events.rate 150300 /s')
})

test('median and quantile do not depend on the order', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(quantile([3, 1, 2, 4], 0.9), 4)
  assert.ok(Number.isNaN(median([])))
})

test('a profile is summed up by function and file, idle time left out', () => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 9 })
  const told = summary({
    nodes: [
      { id: 1, callFrame: frame('(idle)', '') },
      { id: 2, callFrame: frame('place', 'file:///x/src/controller/scheduler/place.ts') },
      { id: 3, callFrame: frame('', 'file:///x/src/controller/scheduler/place.ts') },
    ],
    samples: [1, 2, 3, 2],
    timeDeltas: [70_000, 2000, 1000, 1000],
  })
  assert.equal(told[0], '  busy 4 ms')
  assert.ok(told.includes('   75.0 %  place src/controller/scheduler/place.ts:10'), told.join('\n'))
  assert.ok(told.includes('  100.0 %  src/controller/scheduler/place.ts'), told.join('\n'))
})
