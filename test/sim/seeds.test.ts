/**
 * Two whole clouds under fire: real controllers, real agents, faults at any statement; each must end whole. A
 * failing seed is replayed by `npm run sim -- --seed N --trouble 20`. More of them, and longer troubles: test/slow/seeds.test.ts.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { violations } from '../../sim/invariants.ts'
import { Run } from '../../sim/run.ts'

const program = join(import.meta.dirname, '../../sim/main.ts')
/** Two processes, one for each core of the smallest machine that tests run on. */
const shares = [
  { from: 1, seeds: 1 },
  { from: 101, seeds: 1 },
]

function runSeeds(from: number, seeds: number): Promise<{ code: number | null; output: string }> {
  const argv = [program, '--seeds', String(seeds), '--from', String(from), '--trouble', '20']
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, output }))
  })
}

// They run at the lowest priority, in what time other tests leave: what hangs is ended by the tier's limit (scripts/test.ts) alone.
test('every seed ends whole: nothing stuck, nothing double, nothing left over', async () => {
  const ended = await Promise.all(shares.map(({ from, seeds }) => runSeeds(from, seeds)))
  for (const [n, { code, output }] of ended.entries()) {
    assert.equal(code, 0, output)
    assert.match(output, new RegExp(`${shares[n]?.seeds} of ${shares[n]?.seeds} seeds hold`))
  }
})

let engine: Engine
before(async () => {
  engine = await Engine.open(new VirtualClock(0))
})
after(() => engine.pglite.close())

test('one seed is one run', async () => {
  // The first one on a fresh database also makes what a cloud begins with, by the same dice.
  await new Run(engine, { seed: 'before', trouble_s: 1 }).run()
  const one = await new Run(engine, { seed: 'same', trouble_s: 16 }).run()
  const other = await new Run(engine, { seed: 'same', trouble_s: 16 }).run()
  assert.deepEqual(other, one)
  assert.ok(Object.keys(one.counts).length > 5, 'the run did something')
})

test('the invariants see what is wrong', async () => {
  await new Run(engine, { seed: 'wrong', trouble_s: 10 }).run()
  const query = (text: string) => engine.pglite.query(text)
  assert.deepEqual(
    (await violations(engine.pglite, [])).filter(one => /claims|quota|operation|port/.test(one)),
    [],
  )
  await query('update host_claim set vcpus = vcpus + 1')
  await query("update quota set used = used + 1 where scope = 'project' and resource = 'instances'")
  await query('update operation set ended_at = null')
  await query("update instance_observed set applied_generation = 0, power = 'stopped'")
  const found = (await violations(engine.pglite, [])).join('\n')
  for (const expected of [/claims/, /quota instances/, /never ended/, /never became what is wanted/]) {
    assert.match(found, expected)
  }
})
