/** `croft host maintenance start|stop|show`: a host is emptied, with what is in the way told as it goes. */
import type { Command } from 'commander'
import type { Host } from '../../api/host.ts'
import type { Maintenance } from '../../api/maintenance.ts'
import { addCommonOptions } from '../build-command.ts'
import { call, type Context, idOf, routeOf } from '../context.ts'
import type { Shop } from '../shop.ts'
import { CommandFailed } from '../failure.ts'
import { placingOn } from '../../model/placing-on.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { mustHaveSucceeded, waitForOperations } from '../wait.ts'

export function registerMaintenance(noun: Command, shop: Shop): void {
  const group = noun
    .command('maintenance')
    .summary('Empty a host, keep it empty, and let it take instances again')
    .description('Empty a host by moving its instances away, keep it empty, and let it take instances again.')
  const start = group
    .command('start')
    .summary('Move everything away from a host; nothing new is placed or started there')
    .description(
      'Move everything away from a host, and keep it empty: nothing new is placed or started there until `croft host maintenance stop`. What is in the way is tried again by itself.\n\nNeeds the permission topology.manage on the whole system. The same as croft maintenance start.',
    )
    .argument('<host>', 'name or id')
    .option('--reason <text>', 'what for, for who looks at the host later')
    .option('--wait', 'until it is empty; Ctrl-C ends the waiting alone')
  addCommonOptions(start).action((name: string, options: { reason?: string; wait?: boolean }) =>
    begin(shop.contextOf(start), name, options),
  )
  const stop = group
    .command('stop')
    .summary('The host takes instances again; what was moved stays where it is')
    .description(
      'Let a host in maintenance take instances again. What was moved stays where it is.\n\nNeeds the permission topology.manage on the whole system. The same as croft maintenance end.',
    )
    .argument('<host>', 'name or id')
    .option('--cancel-migrations', 'what is on its way stays on the host; without it that goes on to its end')
  addCommonOptions(stop).action((name: string, { cancelMigrations }: { cancelMigrations?: boolean }) =>
    end(shop.contextOf(stop), name, cancelMigrations === true),
  )
  const show = group
    .command('show')
    .summary('How far a host is emptied, and what is in the way')
    .description(
      'How far a host in maintenance is emptied, and what is in the way.\n\nNeeds the permission topology.read on the whole system. The same as croft maintenance get.',
    )
    .argument('<host>', 'name or id')
  addCommonOptions(show).action(async (name: string) => {
    const context = shop.contextOf(show)
    const host = await idOf(context, 'host', name, { route: routeOf(context, 'maintenance', 'get') })
    try {
      tell(context, await get(context, host))
    } catch (error) {
      throw isNotInMaintenance(error) ? new CommandFailed('conflict', error.message) : error
    }
  })
}

const get = (context: Context, host: string) => call(context, 'maintenance', 'get', { params: { host } })

async function begin(
  context: Context,
  name: string,
  { reason, wait }: { reason?: string; wait?: boolean },
): Promise<void> {
  const host = await idOf(context, 'host', name, { route: routeOf(context, 'maintenance', 'start') })
  const body = reason === undefined ? {} : { reason }
  const { operation, maintenance } = await call(context, 'maintenance', 'start', { params: { host }, body })
  if (!wait) return tell(context, maintenance)
  const told = async () => progressOf(await get(context, host))
  const ended = await waitForOperations(context, `emptying ${name}`, [{ operation, resource_ids: [host], told }])
  await mustHaveSucceeded(context, ended)
  tell(context, await get(context, host))
}

async function end(context: Context, name: string, cancel_migrations: boolean): Promise<void> {
  const host = await idOf(context, 'host', name, { route: routeOf(context, 'maintenance', 'end') })
  try {
    await call(context, 'maintenance', 'end', { params: { host }, query: { cancel_migrations } })
  } catch (error) {
    // It advises to begin what was to be ended.
    if (isNotInMaintenance(error))
      throw new CommandFailed('conflict', `The host ${name} is not in maintenance; there is nothing to end.`)
    throw error
  }
  const { out } = context
  if (out.json) return out.printJson(null)
  if (!out.quiet) out.note(await howItStands(context, host, name))
}

/** The host is there, and so it is its state that does not fit. Of what is not there the noun is told. */
const isNotInMaintenance = (error: unknown): error is ApiProblem =>
  error instanceof ApiProblem && error.code === 'not_found' && error.document.noun === undefined

/** A host may be out of maintenance and take nothing for another reason. */
async function howItStands(context: Context, host: string, name: string): Promise<string> {
  try {
    return standingOf(await call(context, 'host', 'get', { params: { host } }))
  } catch (error) {
    // To end it takes another permission than to look at the host.
    if (error instanceof ApiProblem) return `The maintenance of ${name} is over.`
    throw error
  }
}

function standingOf(host: Host): string {
  const { name, availability_reason, cpu_missing } = host
  const nothing = `The maintenance of ${name} is over. It takes no instances:`
  const placing = placingOn(host)
  switch (placing) {
    case 'yes':
      return `${name} takes instances again.`
    case 'doubted':
      return `${name} takes instances again as long as its link holds. ${availability_reason}`
    case 'maintenance':
      return `${nothing} it was put into maintenance once more.`
    case 'closed':
      return `${nothing} none may be placed there (croft host update ${name} --schedulable).`
    case 'silent':
      return `${nothing} ${availability_reason || 'It holds no link.'}`
    case 'cpu':
      return `${nothing} it lacks what its cluster’s CPU baseline has: ${cpu_missing?.join(', ')}.`
    default:
      return placing satisfies never
  }
}

function tell(context: Context, found: Maintenance): void {
  if (context.globals.json) return context.out.printJson(found)
  if (context.globals.quiet) return context.out.print(`${found.id}\n`)
  const { host, state, obstacles } = found
  context.out.print(`${host}: ${state}; ${countsOf(found)}\n`)
  for (const { instance, reason } of obstacles) context.out.print(`  ${instance}: ${reason}\n`)
}

const countsOf = ({ moved, moving, left }: Maintenance) => `${moved} moved, ${moving} on their way, ${left} still there`

/** In one line, while it is waited for: how far it is, and what is in the way first. */
export function progressOf(found: Maintenance): string {
  const [first, ...others] = found.obstacles
  if (!first) return countsOf(found)
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return `${countsOf(found)}; ${first.instance}${more}: ${first.reason}`
}
