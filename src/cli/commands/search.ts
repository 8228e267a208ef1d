/** `croft search TEXT`: things of every kind, by name, id, address or MAC. */
import type { Command } from 'commander'
import { addCommonOptions } from '../build-command.ts'
import { call, type Context } from '../context.ts'
import { UsageError } from '../failure.ts'
import { nounText } from '../noun-text.ts'
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
  if (limit !== undefined && !(/^\d{1,2}$/.test(limit) && Number(limit) > 0 && Number(limit) <= limit_max))
    throw new UsageError('--limit takes a number from 1 to 50.')
  const { out } = context
  const most = limit === undefined ? standard : Number(limit)
  // One more, to know whether there are more; a program takes what it asks for.
  const asked = out.json ? most : Math.min(limit_max, most + 1)
  const query = { text, limit: asked, ...(allProjects && { all_projects: true }) }
  const { items } = await call(context, 'search', 'find', { query })
  if (out.json) return out.printJson({ items })
  const by_noun = Map.groupBy(items, one => one.noun)
  const shown = [...by_noun.values()].flatMap(alike => alike.slice(0, most))
  if (out.quiet) for (const { id } of shown) out.print(`${id}\n`)
  else if (shown.length === 0) out.note('Nothing found.')
  else out.print(ownTable(context, ['noun', 'name', 'matched', 'id'], shown))
  const cut = [...by_noun].flatMap(([noun, alike]) => (alike.length >= asked ? [`${nounText(noun)}s`] : []))
  if (cut.length > 0) out.note(moreThan(most, cut.join(', ')))
}

/** Of the most that are told, nobody knows whether there are others. */
function moreThan(most: number, nouns: string): string {
  if (most === limit_max) return `Perhaps there are more ${nouns} than these ${most}: a longer text finds fewer.`
  return `There are more ${nouns} than these ${most}: --limit ${Math.min(limit_max, most * 4)} shows more.`
}

/** As the API has them. */
const standard = 5
const limit_max = 50
