/** Things as tables. On a terminal tables are cut to its width; elsewhere nothing is left out. */
import Table from 'cli-table3'
import { cell, heading, paintState } from './format.ts'
import { clip } from './progress.ts'

export interface Look {
  /** Of the terminal; undefined when there is none. */
  width: number | undefined
  color: boolean
  now_ms: number
}

export type Row = Readonly<Record<string, unknown>>

const gap = 2
const narrow = 8

const noBorders = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap(side =>
    [side, `${side}-mid`, `${side}-left`, `${side}-right`].map(name => [name, '']),
  ),
)

/** One row a thing, one column a field; ends with a newline. */
export function renderTable(columns: readonly string[], rows: readonly Row[], look: Look): string {
  const texts = rows.map(row => columns.map(name => cell(name, row[name], look.now_ms)))
  const heads = columns.map(heading)
  const widths = fit(heads, texts, look.width)
  const table = new Table({
    chars: { ...noBorders, middle: ' '.repeat(gap) },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: columns.map((_, at) =>
      rows.length > 0 && rows.every(row => isCount(row[columns[at] ?? ''])) ? 'right' : 'left',
    ),
  })
  const paint = (text: string, name: string) => (look.color && name === 'state' ? paintState(text) : text)
  table.push(heads.map((text, at) => (look.color ? `\x1b[1m${clip(text, widths[at] ?? 0)}\x1b[0m` : text)))
  for (const line of texts) {
    table.push(line.map((text, at) => paint(clip(text, widths[at] ?? 0), columns[at] ?? '')))
  }
  return `${table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')}\n`
}

const isCount = (value: unknown) => typeof value === 'number'

/** Widths of columns that fit the terminal: the widest give way first, ids last of all, since they are there to be copied. */
function fit(heads: readonly string[], texts: readonly (readonly string[])[], width: number | undefined): number[] {
  const widths = heads.map((head, at) => Math.max(head.length, ...texts.map(line => line[at]?.length ?? 0)))
  if (width === undefined) return widths
  let over = widths.reduce((sum, each) => sum + each + gap, -gap) - width
  while (over > 0) {
    const widest = widths.reduce((best, each, at) => (heads[at] !== 'ID' && each > (widths[best] ?? 0) ? at : best), 0)
    const wide = widths[widest] ?? 0
    if (wide <= narrow) break
    // Down to the second widest at once would be quicker; tables have few columns.
    widths[widest] = wide - 1
    over -= 1
  }
  return widths
}
