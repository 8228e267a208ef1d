/** `croft host maintenance start|stop|show`: a host is emptied, with what is in the way told as it goes. */
import type { Command } from 'commander'
import type { Maintenance } from '../../api/maintenance.ts'
import { addCommonOptions } from '../build-command.ts'
import { call, type Context, idOf } from '../context.ts'
import type { Shop } from '../shop.ts'
import { mustHaveSucceeded, waitForOperations } from '../wait.ts'

export function registerMaintenance(noun: Command, shop: Shop): void {
  const group = noun
    .command('maintenance')
    .summary('Empty a host, keep it empty, and let it take instances again')
    .description('Empty a host by moving its instances away, keep it empty, and let it take instances again.')
  const start = group
    .command('start <host>')
    .summary('Move everything away from a host; nothing new is placed or started there')
    .option('--reason <text>', 'what for, for who looks at the host later')
    .option('--wait', 'until it is empty')
  addCommonOptions(start).action((name: string, options: { reason?: string; wait?: boolean }) =>
    begin(shop.contextOf(start), name, options),
  )
  const stop = group
    .command('stop <host>')
    .summary('The host takes instances again; what was moved stays where it is')
    .option('--cancel-migrations', 'what is on its way stays on the host; without it that goes on to its end')
  addCommonOptions(stop).action((name: string, { cancelMigrations }: { cancelMigrations?: boolean }) =>
    end(shop.contextOf(stop), name, cancelMigrations === true),
  )
  const show = group.command('show <host>').summary('How far a host is emptied, and what is in the way')
  addCommonOptions(show).action(async (name: string) => {
    const context = shop.contextOf(show)
    tell(context, await get(context, await idOf(context, 'host', name)))
  })
}

const get = (context: Context, host: string) => call(context, 'maintenance', 'get', { params: { host } })

async function begin(
  context: Context,
  name: string,
  { reason, wait }: { reason?: string; wait?: boolean },
): Promise<void> {
  const host = await idOf(context, 'host', name)
  const body = reason === undefined ? {} : { reason }
  const { operation, maintenance } = await call(context, 'maintenance', 'start', { params: { host }, body })
  if (!wait) return tell(context, maintenance)
  const ended = await waitForOperations(context, `emptying ${name}`, [{ operation, resource_ids: [host] }])
  await mustHaveSucceeded(context, ended)
  tell(context, await get(context, host))
}

async function end(context: Context, name: string, cancel_migrations: boolean): Promise<void> {
  const host = await idOf(context, 'host', name)
  await call(context, 'maintenance', 'end', { params: { host }, query: { cancel_migrations } })
  if (!context.globals.json) context.out.note(`${name} takes instances again.`)
}

function tell(context: Context, found: Maintenance): void {
  if (context.globals.json) return context.out.printJson(found)
  const { host, state, moved, moving, left, obstacles } = found
  context.out.print(`${host}: ${state}; ${moved} moved, ${moving} on their way, ${left} still there\n`)
  for (const { instance, reason } of obstacles) context.out.print(`  ${instance}: ${reason}\n`)
}
