/**
 * Whether guests have the memory that they had after a live move, by Croft and by bare `virsh migrate`: two guests of one kind, by turns, on a machine that
 * has other things to do. While one moves the other stands still, and is looked at just as closely: what it loses, it loses without a move. Emulators
 * lose pages of guests that move (docs/design/0009-moving.md); whether Croft loses any more is what this tells.
 */
import { randomUUID } from 'node:crypto'
import type { Role } from '../src/host/packages.ts'
import type { Host } from '../test/lab/bed/bed.ts'
import type { BenchContext, FigureSpec } from './figures.ts'
import { bareCopy } from './lab/bare-domain.ts'
import { chanceOfAtLeast } from './lab/exact.ts'
import { startLoad } from './lab/load.ts'
import { Remembering, rememberingScript, type Said } from './lab/remembering.ts'
import { startTwoLabHosts, type TwoLabHosts, virshMigrate } from './lab/two-hosts.ts'

export const packages_of: readonly Role[] = ['controller', 'host', 'image']

export const figures: readonly FigureSpec[] = [
  { name: 'moved.broken', unit: '%', better: 'less', long: true },
  { name: 'moved.broken_bare', unit: '%', better: 'less', long: true },
  { name: 'moved.broken_standing', unit: '%', better: 'less', long: true },
  // Below, Croft breaks more than bare moves do, and not by chance.
  { name: 'moved.chance', unit: '', target: 0.01, better: 'more', long: true },
]

const rounds = 60
const loops = 2
/** A guest boots for a minute then. */
const boots_within_ms = 240_000

const kinds = ['values', 'still', 'kernel', 'booted', 'silent'] as const
/**
 * - 'values': of what it rewrote all the time, some were older than what it had written.
 * - 'still': what it never touched is not what it was.
 * - 'kernel': its kernel complains, or a program of its died.
 * - 'booted': it booted anew.
 * - 'silent': it says nothing any more.
 */
type Kind = (typeof kinds)[number]

interface Guest {
  readonly console: Remembering
  where(): Host
  move(to: Host): Promise<void>
  /** Booted anew, here or on the other host. */
  anew(): Promise<void>
  /** What it said last. */
  last: Said
}

type Mode = 'croft' | 'bare' | 'standing'

class Tally {
  tried = 0
  found = 0
  readonly by_kind = new Map<Kind, number>()

  add(broken: readonly Kind[]): void {
    this.tried++
    if (broken.length > 0) this.found++
    for (const kind of broken) this.by_kind.set(kind, (this.by_kind.get(kind) ?? 0) + 1)
  }

  get percent(): number {
    return (100 * this.found) / this.tried
  }

  toText(): string {
    return `${this.tried} tried, ${this.found} broken (${kinds.map(kind => `${kind} ${this.by_kind.get(kind) ?? 0}`).join(', ')})`
  }
}

function croftGuest({ hosts, cloud, guest, migrate, ended }: TwoLabHosts, first: Said): Guest {
  let where = hosts[0]
  return {
    console: new Remembering(hosts, guest.id),
    last: first,
    where: () => where,
    async move(to) {
      const done = await ended(await migrate(to))
      if (done.outcome === 'succeeded') where = to
      else throw new Error(`${done.outcome}: ${done.reason}`)
    },
    async anew() {
      const { state, host } = await cloud.instance(guest.name)
      where = hosts.find(each => each.name === host) ?? where
      await cloud.must('instance', ...(state === 'running' ? ['reboot', '--hard'] : ['start']), guest.name, '--wait')
    },
  }
}

/** A copy of it, booted on the host where it is. */
async function bareGuest({ hosts, guest }: TwoLabHosts): Promise<Guest> {
  const [home] = hosts
  let where: Host = home
  const xml = await home.must(['virsh', 'dumpxml', '--inactive', guest.id])
  const uuid = randomUUID()
  const copy = await bareCopy(home, { xml, id: guest.id, uuid })
  const console = new Remembering(hosts, uuid)
  const start = async () => void (await home.must(['virsh', 'create', copy.file]))
  await start()
  return {
    console,
    last: await firstWord(console, home),
    where: () => where,
    async move(to) {
      await copy.makeRoom(to)
      await virshMigrate(uuid, where, to)
      where = to
    },
    async anew() {
      for (const host of hosts) await host.exec(['virsh', 'destroy', uuid])
      where = home
      await copy.makeRoom(home)
      await start()
    },
  }
}

async function firstWord(console: Remembering, host: Host): Promise<Said> {
  const word = await console.next(host, boots_within_ms)
  if (word === null) throw new Error('a guest says nothing of its memory')
  return word
}

/** What has broken since it was looked at last. */
async function look(guest: Guest): Promise<Kind[]> {
  if (guest.console.complaints().length > 0) return ['kernel']
  const word = await guest.console.next(guest.where())
  const broken: Kind[] = guest.console.complaints().length > 0 ? ['kernel'] : []
  if (word === null) return broken.length > 0 ? broken : ['silent']
  if (word.boots !== guest.last.boots) broken.push('booted')
  else if (word.differed > guest.last.differed) broken.push('values')
  if (!word.still && guest.last.still) broken.push('still')
  guest.last = word
  return broken
}

/** Whose kernel has stumbled, or who is not whole, goes on stumbling: it begins anew. */
async function mend(guest: Guest, broken: readonly Kind[]): Promise<void> {
  if (broken.length === 0) return
  await guest.anew()
  guest.last = await firstWord(guest.console, guest.where())
  guest.console.complaints()
}

const said = (broken: readonly Kind[]) => (broken.length === 0 ? 'whole' : broken.join(' and '))

/** How long it took; or why it failed, which is not counted by itself: what became of the guest is. */
async function tryTo(move: () => Promise<void>): Promise<string> {
  const from_ms = performance.now()
  try {
    await move()
    return `${Math.round(performance.now() - from_ms)} ms`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export async function run(context: BenchContext): Promise<void> {
  await using lab = await startTwoLabHosts(rememberingScript)
  const first = await firstWord(new Remembering(lab.hosts, lab.guest.id), lab.hosts[0])
  const guests = { croft: croftGuest(lab, first), bare: await bareGuest(lab) }
  const tallies: Readonly<Record<Mode, Tally>> = { croft: new Tally(), bare: new Tally(), standing: new Tally() }
  await using _ = startLoad(loops)
  for (let turn = 0; turn < 2 * Math.ceil(rounds * context.share); turn++) {
    const mode = turn % 2 === 0 ? 'croft' : 'bare'
    const [mover, other] = mode === 'croft' ? [guests.croft, guests.bare] : [guests.bare, guests.croft]
    const to = lab.hosts.find(host => host !== mover.where()) ?? lab.hosts[0]
    const moved = await tryTo(() => mover.move(to))
    const before = mover.last.differed
    const [of_mover, of_other] = await Promise.all([look(mover), look(other)])
    tallies[mode].add(of_mover)
    tallies.standing.add(of_other)
    const values = of_mover.includes('values') ? `, ${mover.last.differed - before} of its values` : ''
    context.note(`# ${turn}: ${mode} to ${to.name}, ${moved}: ${said(of_mover)}${values}; the other: ${said(of_other)}`)
    await mend(mover, of_mover)
    await mend(other, of_other)
  }
  for (const [name, tally] of Object.entries(tallies)) context.note(`# ${name}: ${tally.toText()}`)
  const { croft, bare, standing } = tallies
  context.report({ name: 'moved.broken', value: croft.percent })
  context.report({ name: 'moved.broken_bare', value: bare.percent })
  context.report({ name: 'moved.broken_standing', value: standing.percent })
  context.report({ name: 'moved.chance', value: chanceOfAtLeast(croft, bare) })
}
