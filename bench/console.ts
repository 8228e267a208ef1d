/**
 * What Croft's proxy adds to a console: from a key to its echo on the screen of a real guest, through controller and agent, less the same
 * over QEMU's own VNC socket on the host, by turns. QEMU looks at the guest's screen when its clock says so, which is in both and differs
 * each time: hence many rounds. And the same for the way alone, where nothing but the proxy is measured: from a question that QEMU answers at
 * once to its answer.
 */
import { connect } from 'node:net'
import { symlink, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { WebSocket } from 'ws'
import { instanceRoutes } from '../src/api/instance.ts'
import type { Role } from '../src/host/packages.ts'
import { controller_url } from '../test/lab/bed/cloud.ts'
import { Vnc } from '../test/support/vnc.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'
import { type LabHost, startLabHost } from './lab/host.ts'

export const packages_of: readonly Role[] = ['controller', 'host', 'image']

export const figures: readonly FigureSpec[] = [
  { name: 'ui.console_echo_overhead', unit: 'ms', target: 20, better: 'less' },
  { name: 'ui.console_frame_overhead', unit: 'ms', better: 'less' },
]

const rounds = 60
const letter = 0x61

export async function run(context: BenchContext): Promise<void> {
  await using lab = await startLabHost()
  const id = await makeGuest(lab)
  const through = await throughCroft(lab, id)
  const direct = await directly(lab, id)
  const echo = { through: [] as number[], direct: [] as number[] }
  const frame = { through: [] as number[], direct: [] as number[] }
  for (let round = -5; round < rounds; round++) {
    for (const [way, vnc] of [
      ['through', through],
      ['direct', direct],
    ] as const) {
      const [of_echo, of_frame] = [await timed(() => echoOf(vnc)), await timed(() => vnc.picture())]
      if (round < 0) continue
      echo[way].push(of_echo)
      frame[way].push(of_frame)
    }
  }
  through.close()
  direct.close()
  for (const [name, taken] of [
    ['ui.console_echo_overhead', echo],
    ['ui.console_frame_overhead', frame],
  ] as const) {
    const [ours, theirs] = [median(taken.through), median(taken.direct)]
    context.note(`# ${name}: through Croft ${ours.toFixed(1)} ms; direct ${theirs.toFixed(1)} ms`)
    context.report({ name, value: ours - theirs })
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from_ms = performance.now()
  await work()
  return performance.now() - from_ms
}

/** The screen is still before: what was asked of it is what it answers. */
async function echoOf(vnc: Vnc): Promise<void> {
  const changed = vnc.change()
  vnc.press(letter)
  await changed
}

async function makeGuest({ cloud, instance }: LabHost): Promise<string> {
  const client = await cloud.client()
  const { items } = await client.call(instanceRoutes.create, { body: { name: 'shown', ...instance } })
  const id = items[0]?.id ?? ''
  await cloud.logged(id, /TINY READY/)
  return id
}

async function throughCroft({ host, cloud }: LabHost, id: string): Promise<Vnc> {
  const client = await cloud.client()
  const body = { kind: 'graphical' as const }
  const { url } = await client.call(instanceRoutes.console, { params: { instance: id }, body })
  return Vnc.over(new WebSocket(`${controller_url}${url}`.replace(/^http/, 'ws'), ['binary'], { agent: host.agent }))
}

/** By a short name: the path of a socket may have 107 characters (unix(7)). */
async function directly({ host }: LabHost, id: string): Promise<Vnc> {
  const xml = await host.must(['virsh', 'dumpxml', id])
  const socket = /<graphics type='vnc'[^>]*socket='([^']+)'/.exec(xml)?.[1]
  if (socket === undefined) throw new Error('the guest has no screen')
  const short = path.join(tmpdir(), `croft-vnc-${process.pid}`)
  await symlink(host.path(socket), short)
  try {
    return await Vnc.of(connect(short))
  } finally {
    await unlink(short)
  }
}
