/** `croft search TEXT`: things of every kind, by name, id, address or MAC. */
import type { Command } from 'commander'
import { addCommonOptions } from '../build-command.ts'
import { call, type Context } from '../context.ts'
import { UsageError } from '../failure.ts'
import type { Shop } from '../shop.ts'
import { ownTable } from '../show.ts'

interface Options {
  limit?: string
  allProjects?: boolean
}

export function register(program: Command, shop: Shop): void {
  const command = program
    .command('search')
    .description(
      'Find things of every kind that you may see: by a part of the name, an id, its beginning or its end (8 digits or more), an address (also a floating one) or its beginning (10.0.3), or a MAC.',
    )
    .argument('<text>')
    .option('--limit <n>', 'of each kind at most so many (5)')
    .option('--all-projects', 'not only the project signed in to; needs the right on the system')
  addCommonOptions(command).action((text: string, options: Options) => search(shop.contextOf(command), text, options))
}

async function search(context: Context, text: string, { limit, allProjects }: Options): Promise<void> {
  if (limit !== undefined && !/^\d{1,2}$/.test(limit)) throw new UsageError('--limit takes a number from 1 to 50.')
  const query = {
    text,
    ...(limit !== undefined && { limit: Number(limit) }),
    ...(allProjects && { all_projects: true }),
  }
  const { items } = await call(context, 'search', 'find', { query })
  const { out } = context
  if (out.json) return out.printJson({ items })
  if (out.quiet) for (const { id } of items) out.print(`${id}\n`)
  else if (items.length === 0) out.note('Nothing found.')
  else out.print(ownTable(context, ['noun', 'name', 'matched', 'id'], items))
}
