/**
 * Everything that takes part in a live move is cut off or killed at each of its steps, between two whole hosts: the network between them,
 * the line between their agents alone, the daemons and the power of either, the controller. Each step is held (test/lab/bed/move-steps.ts)
 * until the cut is made, so it is that very step. Each time the move ends, the guest runs exactly once and never did on both, it is reached, its
 * disk has what was written, and the other host is clean.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Host } from '../lab/bed/bed.ts'
import { agentLogs, bookOf } from '../lab/bed/held.ts'
import { HeldMove, type MoveStep, moveSteps } from '../lab/bed/move-steps.ts'
import { isEnded, MovingBed, noticedWithin_ms, tries_max } from '../lab/bed/moving.ts'
import { bootSysvinit } from '../lab/bed/services.ts'
import { leftInTheEnd } from '../lab/bed/traces.ts'
import { Witness } from '../lab/bed/witness.ts'
import { eventually } from '../support/eventually.ts'

const cuts = [
  'the network',
  'the line between the agents',
  'the source’s daemons',
  'the target’s daemons',
  'the source’s power',
  'the target’s power',
  'the controller',
] as const
type Cut = (typeof cuts)[number]

interface Cell {
  readonly step: MoveStep
  readonly cut: Cut
  /** Where the guest is to be before it; null: wherever it is. */
  readonly from: 'alpha' | 'beta' | null
}

/** Around the moment at which the guest goes over. */
const at_the_switch: readonly MoveStep[] = ['all sent', 'handing over', 'taking', 'taken']

/** Whose power is lost is beta: the cloud goes on. At the switch it matters which of the two the controllers are beside when the network is cut. */
function fromsOf(step: MoveStep, cut: Cut): Cell['from'][] {
  if (cut === 'the source’s power') return ['beta']
  if (cut === 'the target’s power') return ['alpha']
  return cut === 'the network' && at_the_switch.includes(step) ? ['alpha', 'beta'] : [null]
}

const cells: Cell[] = moveSteps.flatMap(step =>
  cuts.flatMap(cut => fromsOf(step, cut).map(from => ({ step, cut, from }))),
)
let moving: MovingBed
/** What was written to the guest's disk, all of it. */
const words: string[] = []
let hits = 0
/** How often the emulator had lost the guest, or spoilt its memory, when it was last begun with: more, and it is to be started anew. */
let deaths = 0

before(async () => {
  moving = await MovingBed.create()
})
after(() => moving?.close())

/**
 * What may come of it, by step in their order: where the guest is ('from': it stayed; 'to': it went) and, with '+', that it has booted anew there.
 * Where there are two, what was under way at that moment decides: whether the target is back before the source dials it, or whether the source's
 * word had left it.
 */
const ends: Readonly<Record<Cut, readonly string[]>> = {
  // preparing, ready, sending, all sent, handing over, taking, taken, leaving
  // Where the controllers had not heard that the target is ready, the source was not told to begin, and waits.
  'the network': ['from|to', 'from|to', 'from', 'from', 'from|to', 'to', 'to', 'to'],
  'the line between the agents': ['from', 'from', 'from', 'from', 'from|to', 'to', 'to', 'to'],
  'the source’s daemons': ['from|to', 'from|to', 'from', 'from', 'from|to', 'to', 'to', 'to'],
  'the target’s daemons': ['from|to', 'from|to', 'from', 'from', 'from', 'to+', 'to', 'to'],
  'the source’s power': ['from+|to+', 'from+|to+', 'from+', 'from+', 'from+|to', 'to', 'to', 'to'],
  'the target’s power': ['from|to', 'from|to', 'from', 'from', 'from', 'to+', 'to+', 'to+'],
  'the controller': ['to', 'to', 'to', 'to', 'to', 'to', 'to', 'to'],
}

const nft = (...line: string[]) => moving.bed.fabric.must(['nft', ...line])
const relays = 'tcp dport 7072 drop; tcp sport 7072 drop;'

/** No relay takes itself for connected any more. */
async function untilApart(): Promise<void> {
  for (const host of [moving.alpha, moving.beta]) {
    const told = await host.must(['ss', '-Htn', 'state', 'established', '( sport = :7072 or dport = :7072 )'])
    assert.equal(told, '', `a relay on ${host.name} has not noticed`)
  }
}

/** Until everybody has noticed: relays, controllers, and at the switch the source's agent, which has asked the target in vain. */
async function networkCut(step: MoveStep, play: HeldMove): Promise<void> {
  const { bed, cloud, beta } = moving
  const logged = await agentLogs(play.from)
  await bed.fabric.setLink(2, 'down')
  play.release()
  await cloud.untilHost(moving.idOf(beta), 'unreachable')
  await eventually(untilApart, noticedWithin_ms)
  // Where the guest had been taken already, the target's word may have come before the cut; the source has left by now, if it was told to.
  const heard = bookOf(play.from, moving.hello.id, play.migration.id)?.stage !== 'handing_over'
  if (at_the_switch.includes(step) && !(step === 'taken' && heard))
    await logged('the target of a move cannot be asked now')
  await bed.fabric.setLink(2, 'up')
}

async function powerLost(host: Host, play: HeldMove): Promise<void> {
  await host.powerCut()
  play.release()
  await host.powerOn()
  await bootSysvinit(host)
}

/** Cuts, lets everybody go on, and in the end brings back what does not come back by itself. */
async function make({ step, cut }: Cell, play: HeldMove): Promise<void> {
  switch (cut) {
    case 'the network':
      await networkCut(step, play)
      break
    case 'the line between the agents':
      await nft(`table bridge cut { chain forward { type filter hook forward priority 0; ${relays} }; }`)
      play.release()
      // Nothing of it comes back before: the controllers carry what is to be said.
      try {
        await moving.until(play.migration, isEnded, 'ended')
      } finally {
        await nft('delete', 'table', 'bridge', 'cut')
      }
      break
    case 'the source’s daemons':
    case 'the target’s daemons':
      for (const each of Object.values(cut === 'the source’s daemons' ? play.source : play.target)) each.kill()
      play.release()
      break
    case 'the source’s power':
    case 'the target’s power':
      await powerLost(cut === 'the source’s power' ? play.from : play.to, play)
      break
    case 'the controller':
      play.controller.kill()
      play.release()
      break
    default:
      cut satisfies never
  }
}

/** Writes to its disk; and gives it something to do, by which it is seen to run. */
async function write(word: string): Promise<void> {
  const ticks = '/run/ticks-$(cat /var/lib/tiny/boots)'
  const busy = `[ -e ${ticks} ] || { touch ${ticks}; (while :; do usleep 100000; done) >/dev/null 2>&1 </dev/null & }`
  words.push(word)
  await moving.cloud.mustSsh(moving.address, `${busy}\necho '${word}' >>/var/lib/tiny/words; sync`)
}

const say = ({ step, cut }: Pick<Cell, 'step' | 'cut'>, what: string) =>
  process.stdout.write(`# ${step}, ${cut} cut: ${what}\n`)

/** How long from each to the next. */
function seconds(...at_ms: number[]): string {
  const lengths = at_ms.slice(1).map((ms, n) => ((ms - (at_ms[n] ?? ms)) / 1000).toFixed(1))
  return `${lengths.join(' + ')} s`
}

/** Plays until the guest runs again, and says where, by the words of `ends`; null: the step had passed. */
async function cutAt(cell: Cell, move: HeldMove): Promise<{ where: Host; end: string; reason: string | null } | null> {
  const { step, cut } = cell
  const { cloud, hello, address, alpha } = moving
  const before = await moving.boots()
  const begun_ms = performance.now()
  await move.reach(step, step === 'sending' && cut !== 'the controller')
  if (!move.isAt(step)) {
    move.release()
    await moving.until(move.migration, isEnded, 'ended')
    return null
  }
  const reached_ms = performance.now()
  await make(cell, move)
  const made_ms = performance.now()
  const { outcome, reason } = await moving.until(move.migration, isEnded, 'ended')
  const ended_ms = performance.now()
  const where = await moving.where()
  assert.equal(where === move.to ? 'succeeded' : 'failed', outcome, `it is on ${where.name}: ${reason}`)
  await cloud.untilState(hello.id, 'running')
  const counts = { alpha: where === alpha ? 1 : 0, beta: where === alpha ? 0 : 1 }
  await eventually(async () => assert.deepEqual(await moving.runs(), counts), noticedWithin_ms)
  assert.equal(await cloud.mustSsh(address, 'cat /var/lib/tiny/words'), words.join('\n'))
  const booted = Number(await moving.boots()) - Number(before)
  const end = `${where === move.to ? 'to' : 'from'}${'+'.repeat(booted)}`
  const lengths = seconds(begun_ms, reached_ms, made_ms, ended_ms, performance.now())
  say({ step, cut }, `${move.from.name} ${end}, ${lengths}: ${reason ?? 'it went through'}`)
  return { where, end, reason }
}

type Played = 'hit' | 'the step had passed' | 'the emulator lost the guest'

async function play(cell: Cell, from: Host, word: string): Promise<Played> {
  const { hello, alpha } = moving
  await write(word)
  const move = await HeldMove.on(moving, from)
  const witness = new Witness([from, move.to])
  try {
    const ended = await cutAt(cell, move)
    if (ended === null) return 'the step had passed'
    const { where, end, reason } = ended
    assert.equal(witness.twice, 0, 'it computed on both hosts')
    assert(witness.looks.get(from), 'it was never seen to run')
    const other = moving.other(where)
    const left = await leftInTheEnd(other, hello.id, other === alpha ? 'no port: the cloud is on this host' : port())
    assert.deepEqual(left, [])
    const fitting = ends[cell.cut][moveSteps.indexOf(cell.step)]?.split('|') ?? []
    assert(fitting.includes(end), `it is "${end}", and is to be ${fitting.join(' or ')}: ${reason}`)
    return 'hit'
  } catch (error) {
    move.release()
    assert.equal(witness.twice, 0, 'it computed on both hosts')
    if ((await moving.emulatorDeaths()) === deaths && !(await moving.isStuck())) throw error
    return 'the emulator lost the guest'
  } finally {
    witness.end()
    move.release()
  }
}

const port = () => moving.hello.addresses[0]?.port_id ?? ''

async function bring(host: Host): Promise<void> {
  const is_whole = (await moving.emulatorDeaths()) === deaths
  // Live, as that takes a quarter of the time.
  if (is_whole && (await moving.where()) !== host) await moving.until(await moving.migrate(host), isEnded, 'ended')
  const now = await moving.emulatorDeaths()
  await moving.beginOn(host, now !== deaths || (await moving.isStuck()))
  deaths = now
}

async function playUntilHit(cell: Cell): Promise<void> {
  for (let tries = 1; tries <= tries_max; tries++) {
    const from = cell.from === null ? await moving.where() : moving[cell.from]
    await bring(from)
    const played = await play(cell, from, `${cell.step}, ${cell.cut}, ${tries}`)
    if (played === 'hit') return void hits++
    say(cell, `${played}, so once more`)
  }
  assert.fail('it says nothing of Croft, whichever time')
}

void test('whatever is cut at whichever step of a move: the guest runs exactly once, and the other host is clean', async t => {
  const left = [...cells]
  while (left.length > 0) {
    const { name: where } = await moving.where()
    // Those first that need it here, so that it is seldom brought to the other host for nothing.
    const next = left.find(cell => cell.from === where) ?? left.find(cell => cell.from === null) ?? left[0]
    assert(next)
    left.splice(left.indexOf(next), 1)
    const { step, cut, from } = next
    await t.test(`${step}: ${cut}${from === null ? '' : `, from ${from}`}`, () => playUntilHit(next))
  }
  assert.equal(hits, cells.length, 'each was cut at the very step')
})
