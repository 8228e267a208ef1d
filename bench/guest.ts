/**
 * What Croft adds to the start of a real guest: from the request to the first line on its serial console, less what
 * `virsh create` of the same domain takes to its first line, on the same host, by turns. The guest itself takes seconds under an
 * emulator and not the same each time, so the figure is the difference of two medians and wants a quiet machine.
 */
import { randomUUID } from 'node:crypto'
import { instanceRoutes } from '../src/api/instance.ts'
import type { Role } from '../src/host/packages.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'
import { bareCopy } from './lab/bare-domain.ts'
import { firstLine, type Seen } from './lab/console.ts'
import { type LabHost, purge, startLabHost } from './lab/host.ts'

export const packages_of: readonly Role[] = ['controller', 'host', 'image']

export const figures: readonly FigureSpec[] = [
  { name: 'guest.overhead', unit: 'ms', target: 150, better: 'less' },
  // The same up to where libvirt starts QEMU: what follows is the guest's own, and only adds noise.
  { name: 'guest.start_overhead', unit: 'ms', better: 'less' },
]

const rounds = 5
/** Where the agent has the console logs of its guests. */
const console_dir = '/var/lib/croft/agent/console'

export async function run(context: BenchContext): Promise<void> {
  await using lab = await startLabHost()
  const by_croft: Taken[] = []
  const bare: Taken[] = []
  for (let round = 0; round <= rounds; round++) {
    const taken = await oneRound(lab)
    // In the first, files come from disk and code is compiled.
    if (round === 0) continue
    by_croft.push(taken.by_croft)
    bare.push(taken.bare)
  }
  for (const [name, part] of [
    ['guest.overhead', 'line_ms'],
    ['guest.start_overhead', 'opened_ms'],
  ] as const) {
    const [ours, theirs] = [by_croft, bare].map(all => all.map(taken => taken[part]))
    if (!ours || !theirs) continue
    const told = (values: number[]) => values.map(Math.round).join(', ')
    context.note(`# ${name}: by Croft ${told(ours)} ms; bare ${told(theirs)} ms`)
    context.report({ name, value: median(ours) - median(theirs) })
  }
}

/** Milliseconds since the request, or since virsh was started. */
type Taken = Seen

const since = (from_ms: number, { opened_ms, line_ms }: Seen): Taken => ({
  opened_ms: opened_ms - from_ms,
  line_ms: line_ms - from_ms,
})

/** The same guest by Croft, then bare; each is gone before the next. */
async function oneRound(lab: LabHost): Promise<{ by_croft: Taken; bare: Taken }> {
  const { host, cloud } = lab
  const client = await cloud.client()
  const consoles = host.path(console_dir)
  const from_ms = performance.now()
  const line = firstLine(consoles, name => name.endsWith('.log'))
  const { items } = await client.call(instanceRoutes.create, { body: { name: 'first-line', ...lab.instance } })
  const by_croft = since(from_ms, await line)
  const id = items[0]?.id ?? ''
  await cloud.untilState(id, 'running')
  const xml = await host.must(['virsh', 'dumpxml', '--inactive', id])
  const uuid = randomUUID()
  const copy = await bareCopy(host, { xml, id, uuid })
  await purge(cloud, id)
  const again_ms = performance.now()
  const bare_line = firstLine(consoles, name => name === `${uuid}.log`)
  await host.must(['virsh', 'create', copy.file])
  const bare = since(again_ms, await bare_line)
  await host.must(['virsh', 'destroy', uuid])
  await copy.remove()
  return { by_croft, bare }
}
