/** What is hand-made about hosts: `croft host join` and `croft host leave`, run on the machine that is to be one, or one no longer. */
import type { Command } from 'commander'
import type { hostRoutes } from '../../api/host.ts'
import type { ReplyOf } from '../../api/route.ts'
import { addCommonOptions } from '../build-command.ts'
import { call, type Context, idOf, routeOf } from '../context.ts'
import type { Comfort, Shop } from '../shop.ts'
import { ownTable } from '../show.ts'
import { registerMaintenance } from './host-maintenance.ts'
import { configOf, type PlaceOptions, placeOptions, progressHere, tellFailure } from './machine.ts'

interface JoinOptions extends PlaceOptions {
  name?: string
  clusterAddress?: string
  tunnelNic?: string
  authority?: string
}

export const comfort: Comfort = {
  extend(noun, shop) {
    registerJoin(noun, shop)
    registerMaintenance(noun, shop)
    registerLeave(noun)
  },
  prepare: {
    remove:
      context =>
      async ({ params, query }) =>
        query.lost === true ? await watchLeaving(context, String(params.host)) : undefined,
  },
  instead: {
    async evacuate(context, _, [name]) {
      const host = await idOf(context, 'host', String(name), { route: routeOf(context, 'host', 'evacuate') })
      showEvacuated(context, await call(context, 'host', 'evacuate', { params: { host } }))
    },
  },
}

/** A line for each: where it goes, or why it stays. The exit code says whether any stays. */
function showEvacuated(context: Context, done: ReplyOf<typeof hostRoutes.evacuate>): void {
  const { out } = context
  const { evacuated, left } = done
  if (left.length > 0) process.exitCode = 1
  if (out.json) return out.printJson(done)
  const rows = [
    ...evacuated.map(({ instance, host }) => ({ instance, goes_to: host, stays: null })),
    ...left.map(({ instance, reason }) => ({ instance, goes_to: null, stays: reason })),
  ]
  if (rows.length === 0) return out.note('Nothing is on it.')
  out.print(ownTable(context, left.length > 0 ? ['instance', 'goes_to', 'stays'] : ['instance', 'goes_to'], rows))
  // Of all that stay for the same reason once; a cloud of an older version says it of each.
  if (done.host_reason) out.note(done.host_reason)
  if (evacuated.length > 0) out.note('Whether each runs there: croft ha-restart list')
}

/** What goes to other hosts as a lost one is removed, of which the answer (204) says nothing. To be called before; what it gives, after. */
async function watchLeaving(context: Context, host_id: string): Promise<() => Promise<void>> {
  const newest = async (limit: number) =>
    (await call(context, 'migration', 'list', { query: { host_id, kind: 'evacuation', limit } })).items
  const [last] = await newest(1)
  return async () => {
    const { out } = context
    const rows: Record<'instance' | 'goes_to', string>[] = []
    for (const { id, instance, source_host_id, target_host } of await newest(leaving_max)) {
      if (id === last?.id) break
      if (source_host_id === host_id) rows.push({ instance, goes_to: target_host })
    }
    if (rows.length === 0 || out.json || out.quiet) return
    out.print(ownTable(context, ['instance', 'goes_to'], rows.reverse()))
    // A host that was removed is found by no name.
    out.note(`Whether each runs there: croft ha-restart list --from-host ${host_id}`)
  }
}

const leaving_max = 1000

function registerJoin(noun: Command, shop: Shop): void {
  const command = noun
    .command('join <controller-url> [join-token]')
    .summary('Make this machine a host of a cloud; run here, as root')
    .description(
      'Make this machine a host of a cloud: install what a host needs, join with a token of `croft host invite`, start the agent. Without a token it asks to be let in, shows a code, and waits until an operator has compared that and approved it (`croft host-registration approve`). Harmless to run again.',
    )
    .option(
      '--authority <fingerprint>',
      'of the cloud’s certificate authority, as `croft host joining` shows it: without a token',
    )
    .option('--name <name>', 'what to call it (default: its hostname)')
    .option('--cluster-address <address>', 'of this machine on the network between hosts')
    .option('--tunnel-nic <name>', 'the NIC between hosts: needed where the kernel has no Open vSwitch module')
  placeOptions(command)
  addCommonOptions(command).action(async (url: string, token: string | undefined, options: JoinOptions) => {
    const { joinThisMachine } = await import('./host-join.ts')
    await joinThisMachine(shop.contextOf(command), url, { ...options, token })
  })
}

function registerLeave(noun: Command): void {
  const command = noun
    .command('leave')
    .summary('Take this machine out of its cloud; run here, as root')
    .description(
      'Take this machine out of its cloud, once no instance and no volume is on it: its certificate is good no longer, its agent stops, and what Croft put here is removed. Packages, libvirt, Open vSwitch and disks that the cloud does not know stay. Harmless to run again.',
    )
  placeOptions(command).action((options: PlaceOptions) => tellFailure(() => leaveHere(options)))
}

async function leaveHere(options: PlaceOptions): Promise<void> {
  const { leave } = await import('../../host/leave.ts')
  const { kept } = await leave(configOf(options), progressHere().step)
  process.stdout.write('This machine is no host any more.\n')
  for (const one of kept) process.stdout.write(`Still there: ${one}\n`)
}
