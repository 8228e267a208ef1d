/**
 * Live moves of a real guest between two whole hosts: how long libvirt says that it paused, and how long all of it takes from the
 * request until its operation has ended, against bare `virsh migrate` of a copy of it between the same libvirtds, by turns.
 */
import { randomUUID } from 'node:crypto'
import type { Migration } from '../src/api/migration.ts'
import type { Role } from '../src/host/packages.ts'
import type { Host } from '../test/lab/bed/bed.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'
import { bareCopy } from './lab/bare-domain.ts'
import { firstLine } from './lab/console.ts'
import { jobOf, settle, startTwoLabHosts, type TwoLabHosts, virshMigrate } from './lab/two-hosts.ts'

export const packages_of: readonly Role[] = ['controller', 'host', 'image']

export const figures: readonly FigureSpec[] = [
  { name: 'migrate.downtime', unit: 'ms', target: 200, better: 'less' },
  { name: 'migrate.overhead', unit: 'times', target: 1.2, better: 'less' },
]

const rounds = 10
const console_dir = '/var/lib/croft/agent/console'

interface Bare {
  readonly name: string
  makeRoom(there: Host): Promise<void>
}

/** A copy of the guest, booted on the host where the guest is. */
async function startBare({ hosts: [host], guest }: TwoLabHosts): Promise<Bare> {
  const xml = await host.must(['virsh', 'dumpxml', '--inactive', guest.id])
  const uuid = randomUUID()
  const copy = await bareCopy(host, { xml, id: guest.id, uuid })
  const line = firstLine(host.path(console_dir), name => name === `${uuid}.log`, /TINY READY /)
  await host.must(['virsh', 'create', copy.file])
  await line
  return { name: uuid, makeRoom: copy.makeRoom }
}

/** How long each part of a move by Croft took, by the controller's times. */
function stepsOf({ created_at, sending_at, switched_at, ended_at }: Migration): Record<string, number> {
  const at = (time: string | null) => Date.parse(time ?? '')
  return {
    prepare_ms: at(sending_at) - at(created_at),
    send_ms: at(switched_at) - at(sending_at),
    leave_ms: at(ended_at) - at(switched_at),
  }
}

async function timed<T>(what: () => Promise<T>): Promise<{ result: T; took_ms: number }> {
  const from_ms = performance.now()
  const result = await what()
  return { result, took_ms: performance.now() - from_ms }
}

export async function run(context: BenchContext): Promise<void> {
  await using lab = await startTwoLabHosts()
  const [alpha, beta] = lab.hosts
  const bare = await startBare(lab)
  const pauses_ms: number[] = []
  const ratios: number[] = []
  // In the first two, files come from disk and code is compiled.
  for (let round = -2; round < rounds; round++) {
    const [from, to] = round % 2 === 0 ? [alpha, beta] : [beta, alpha]
    await settle()
    const ours = await timed(() => lab.migrate(to))
    const done = await lab.ended(ours.result)
    const { outcome, reason, progress } = done
    if (outcome !== 'succeeded') throw new Error(`the move by Croft ended with ${outcome}: ${reason}`)
    await settle()
    await bare.makeRoom(to)
    const theirs = await timed(() => virshMigrate(bare.name, from, to))
    const bare_job = await jobOf(bare.name, to)
    context.note(
      `# round ${round}: Croft ${Math.round(ours.took_ms)} ms, pause ${progress?.downtime_ms}; virsh ${Math.round(theirs.took_ms)} ms, pause ${bare_job.downtime_ms} ms, ${bare_job.sent_mib} MiB; ${JSON.stringify(stepsOf(done))}`,
    )
    if (round < 0) continue
    pauses_ms.push(progress?.downtime_ms ?? Number.NaN)
    // Each round's own: what the machine does besides changes from one to the next.
    ratios.push(ours.took_ms / theirs.took_ms)
  }
  context.report({ name: 'migrate.downtime', value: median(pauses_ms) })
  context.report({ name: 'migrate.overhead', value: median(ratios) })
}
