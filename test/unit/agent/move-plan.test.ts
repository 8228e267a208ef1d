/** Every situation of a move: what is done next, and that a guest is never given to two hosts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Domain } from '../../../src/agent/ports.ts'
import { type Move, moveStages } from '../../../src/agent/reconcilers/move.ts'
import { leftover_ms, type MoveSituation, planMove } from '../../../src/agent/reconcilers/move-plan.ts'
import { migrationSteps, type MigrationStep } from '../../../src/protocol/migration.ts'
import { domain, uuid, wantedInstance } from './fakes.ts'

const steady_ms = 1_000_000

function move(change: Partial<Move>): Move {
  return {
    migration_id: uuid(50),
    role: 'source',
    kind: 'live',
    stage: 'sending',
    reason: null,
    generation: 1,
    reboot_count: 0,
    made: [],
    defined: false,
    progress: null,
    ...change,
  }
}

const asked = uuid(60)

function at(
  step: MigrationStep | null,
  { asked: by, kind = 'live', ...change }: Partial<MoveSituation> & { asked?: string; kind?: 'live' | 'cold' } = {},
): MoveSituation {
  const migration = {
    id: uuid(50),
    kind,
    peer_host_id: uuid(51),
    secret: 's'.repeat(16),
    copied_volumes: [],
    auto_converge: false,
    ...(by !== undefined && { asked: by }),
  }
  return {
    wanted: wantedInstance(step === null ? {} : { migration: { ...migration, step } }),
    move: null,
    domain: null,
    busy: false,
    expected: false,
    coming: false,
    leftover_since_ms: null,
    steady_ms,
    ...change,
  }
}

const target = (stage: Move['stage'], more: Partial<Move> = {}) => move({ role: 'target', stage, ...more })
const source = (stage: Move['stage'], more: Partial<Move> = {}) => move({ role: 'source', stage, ...more })
const running = domain()
const off = domain({ power: 'off', off_reason: 'migrated' })
const half = domain({ power: 'paused', moving: 'paused' })
const both = domain({ moving: 'both' })
const broken = domain({ power: 'paused', moving: 'broken' })

/** As text: 'act prepare', 'hold ready', 'note failed', 'usual failed'. */
function plan(situation: MoveSituation): string {
  const next = planMove(situation)
  switch (next.kind) {
    case 'act':
      return `act ${next.act}`
    case 'note':
      return `note ${next.stage}`
    default:
      return `${next.kind} ${next.phase}`
  }
}

const table: [string, MoveSituation, string][] = [
  ['nothing moves', at(null), 'usual null'],
  // The target.
  ['told to prepare', at('prepare'), 'act prepare'],
  ['its agent was killed while preparing', at('prepare', { move: target('preparing') }), 'act prepare'],
  ['a guest of it runs here, by no move that is known', at('prepare', { domain: running }), 'note failed'],
  ['another move was here before', at('prepare', { move: target('left', { migration_id: uuid(49) }) }), 'act prepare'],
  ['ready, and not listening yet', at('prepare', { move: target('ready') }), 'act expect'],
  ['listening', at('prepare', { move: target('ready'), expected: true }), 'hold ready'],
  ['it is coming', at('prepare', { move: target('ready'), expected: true, coming: true, domain: half }), 'hold ready'],
  [
    'it runs, and the source is not done',
    at('prepare', { move: target('ready'), coming: true, domain: running }),
    'hold ready',
  ],
  ['it runs here', at('prepare', { move: target('ready'), domain: running }), 'act take'],
  ['it runs here, and memory is still there', at('prepare', { move: target('ready'), domain: both }), 'hold ready'],
  [
    'it ran here, and the rest of its memory is lost',
    at('prepare', { move: target('ready'), domain: broken }),
    'act take',
  ],
  ['half come, and nobody at it', at('prepare', { move: target('ready'), domain: half }), 'hold ready'],
  [
    'so for long',
    at('prepare', { move: target('ready'), domain: half, leftover_since_ms: steady_ms - leftover_ms }),
    'act cut',
  ],
  [
    'it is let run, and has not begun',
    at('prepare', { move: target('taking'), coming: true, domain: half }),
    'hold ready',
  ],
  ['it was let run, and runs', at('prepare', { move: target('taking'), domain: running }), 'act take'],
  [
    'it was let run, and is gone: libvirt may still say more',
    at('prepare', { move: target('taking'), coming: true }),
    'hold ready',
  ],
  ['it was let run, then the host lost its power', at('prepare', { move: target('taking') }), 'act take'],
  [
    'it was let run, and hangs between the hosts',
    at('prepare', { move: target('taking'), domain: half, leftover_since_ms: steady_ms - leftover_ms }),
    'act cut',
  ],
  ['taken', at('prepare', { move: target('taken'), domain: running, expected: true }), 'act define'],
  [
    'defined',
    at('prepare', { move: target('taken', { defined: true }), domain: running, expected: true }),
    'hold switched',
  ],
  [
    'taken, after a restart',
    at('prepare', { move: target('taken', { defined: true }), domain: running }),
    'act expect',
  ],
  [
    'taken, and powered off since',
    at('prepare', { move: target('taken'), domain: null, expected: true }),
    'hold switched',
  ],
  ['it cannot come', at('prepare', { move: target('failed') }), 'hold failed'],
  [
    'it is this host’s',
    at(null, { move: target('taken', { defined: true }), domain: running, expected: true }),
    'act dismiss',
  ],
  [
    'and nobody is expected any more',
    at(null, { move: target('taken', { defined: true }), domain: running }),
    'act forget',
  ],
  ['the source told of it first', at(null, { move: target('ready'), domain: running }), 'act take'],
  ['so, and libvirt is still at it', at(null, { move: target('ready'), domain: half }), 'hold null'],
  ['a guest that is off is this host’s', at(null, { move: target('taken', { kind: 'cold' }) }), 'act forget'],
  [
    'its source asks what became of it, and has gone',
    at('prepare', { move: target('ready'), expected: true, asked }),
    'act refuse',
  ],
  [
    'so, and the end of that has not come here yet',
    at('prepare', { move: target('ready'), expected: true, coming: true, asked }),
    'hold ready',
  ],
  ['so, and a half is here', at('prepare', { move: target('ready'), domain: half, asked }), 'hold ready'],
  ['so, and it runs here', at('prepare', { move: target('ready'), domain: running, asked }), 'act take'],
  ['so, and it may have run here', at('prepare', { move: target('taking'), asked }), 'act take'],
  ['refused, and not listening yet', at('prepare', { move: target('refused'), asked }), 'act expect'],
  ['refused', at('prepare', { move: target('refused'), expected: true, asked }), 'hold ready'],
  ['refused, and to be cleared', at('discard', { move: target('refused') }), 'act remove'],
  // The source.
  ['told to send', at('send', { domain: running }), 'act send'],
  ['to be sent while it is off', at('send', { kind: 'cold', domain: domain({ power: 'off' }) }), 'act send'],
  ['so, and it was never started here', at('send', { kind: 'cold' }), 'act send'],
  ['so, and its host has brought it up by now', at('send', { kind: 'cold', domain: running }), 'note failed'],
  ['so, and it is paused', at('send', { kind: 'cold', domain: domain({ power: 'paused' }) }), 'note failed'],
  ['being sent', at('send', { domain: running, move: source('sending'), busy: true }), 'hold sending'],
  ['to be cancelled', at('cancel', { domain: running, move: source('sending'), busy: true }), 'act cancel'],
  ['cancelled before it began', at('cancel', { domain: running }), 'note cancelled'],
  ['cancelled', at('cancel', { domain: running, move: source('cancelled') }), 'usual cancelled'],
  ['failed', at('send', { domain: running, move: source('failed') }), 'usual failed'],
  ['its agent was killed', at('send', { domain: running, move: source('sending') }), 'act recover'],
  ['so, and libvirt had paused it', at('send', { domain: half, move: source('sending') }), 'act recover'],
  ['the host lost its power before', at('send', { domain: null, move: source('sending') }), 'act recover'],
  ['handed over, no answer', at('send', { domain: half, move: source('handing_over') }), 'act ask'],
  ['handed over, then the host lost its power', at('send', { domain: off, move: source('handing_over') }), 'act ask'],
  ['written down, and not done', at('send', { domain: running, move: source('handing_over') }), 'act recover'],
  [
    'memory on both',
    at('send', { domain: domain({ power: 'paused', moving: 'both' }), move: source('handing_over') }),
    'act ask',
  ],
  ['memory lost', at('cancel', { domain: broken, move: source('handing_over') }), 'act ask'],
  ['gone by a move of which nothing is on disk', at('send', { domain: off }), 'note handing_over'],
  ['switched', at('send', { domain: off, move: source('switched') }), 'hold switched'],
  ['switched, too late to cancel', at('cancel', { domain: off, move: source('switched') }), 'hold switched'],
  ['it stays: the controller ended the move', at(null, { domain: running, move: source('failed') }), 'act forget'],
  ['so, while it is being sent', at(null, { domain: running, move: source('sending'), busy: true }), 'act cancel'],
  [
    'so, and it hangs between the hosts, with disks of its own',
    at(null, { domain: half, move: source('handing_over', { shares_disks: false }) }),
    'act resume',
  ],
  [
    'so, and the target, which is gone for good, may have written to its disks',
    at(null, { domain: half, move: source('handing_over', { shares_disks: true }) }),
    'act cut',
  ],
  [
    'so, and by an older agent it is not known whose disks they are',
    at(null, { domain: half, move: source('handing_over') }),
    'act cut',
  ],
  [
    'so, and half of its memory went with the target',
    at(null, { domain: both, move: source('handing_over', { shares_disks: false }) }),
    'act cut',
  ],
  ['cut, it is started anew', at(null, { domain: off, move: source('handing_over') }), 'act forget'],
  // Both, in the end.
  ['leave while sending', at('leave', { domain: running, move: source('handing_over'), busy: true }), 'act cancel'],
  ['leave a guest that a dead host came back with', at('leave', { domain: running }), 'act cut'],
  ['leave', at('leave', { domain: off, move: source('switched') }), 'act undefine'],
  ['leave, undefined', at('leave', { move: source('switched') }), 'act remove'],
  ['left', at('leave', { move: source('left') }), 'hold null'],
  ['discard', at('discard', { move: target('ready'), expected: true }), 'act dismiss'],
  ['discard, nobody expected', at('discard', { move: target('ready') }), 'act remove'],
  ['discard what never came here', at('discard'), 'act remove'],
  ['a domain that is not Croft’s', at('leave', { domain: domain({ ours: false }) }), 'usual null'],
]

for (const [what, situation, next] of table) test(what, () => assert.equal(plan(situation), next))

const domains: (Domain | null)[] = [null, running, off, half, both, broken, domain({ power: 'crashed' })]
const situations = fc
  .record({
    step: fc.constantFrom(...migrationSteps),
    stage: fc.option(fc.constantFrom(...moveStages)),
    role: fc.constantFrom('source' as const, 'target' as const),
    kind: fc.constantFrom('live' as const, 'cold' as const),
    defined: fc.boolean(),
    domain: fc.constantFrom(...domains),
    busy: fc.boolean(),
    expected: fc.boolean(),
    coming: fc.boolean(),
  })
  .map(({ step, stage, role, kind, defined, ...rest }) =>
    at(step, { ...rest, move: stage === null ? null : move({ stage, role, kind, defined }) }),
  )

test('the usual plan, which starts guests, has its way only where the guest surely is', () => {
  fc.assert(
    fc.property(situations, situation => {
      const { step } = situation.wanted.migration ?? {}
      if (planMove(situation).kind !== 'usual') return
      assert.ok(step === 'send' || step === 'cancel')
      assert.ok(
        situation.move !== null && situation.move.stage !== 'handing_over' && situation.move.stage !== 'switched',
      )
    }),
  )
})

test('a guest is cut only where it is to leave, or has come by half', () => {
  fc.assert(
    fc.property(situations, situation => {
      const next = planMove(situation)
      if (next.kind !== 'act' || next.act !== 'cut') return
      const { step } = situation.wanted.migration ?? {}
      if (step === 'prepare') assert.notEqual(situation.domain?.power, 'running')
      else assert.ok(step === 'leave' || step === 'discard')
      assert.ok(!situation.busy || step === 'prepare')
    }),
  )
})
