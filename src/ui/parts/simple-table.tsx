/** A small table inside a page: all its rows are there. Long lists are list-page.tsx's. */
import type { ReactNode } from 'react'

export interface SimpleColumn<T> {
  title: string
  cell(item: T): ReactNode
  numeric?: boolean
}

export function SimpleTable<T>({
  label,
  columns,
  items,
  keyOf,
  empty,
  stacked = false,
}: {
  label: string
  columns: readonly SimpleColumn<NoInfer<T>>[]
  /** Undefined: not read yet, or it could not be; nothing is said of them then. */
  items: readonly T[] | undefined
  keyOf(item: T): string
  empty: ReactNode
  /** On a telephone its cells stand below each other, so that the last of them is seen, too; the last one has what room there is. */
  stacked?: boolean
}) {
  if (!items) return null
  if (items.length === 0) return <p className="croft-muted">{empty}</p>
  return (
    <div className="croft-table-scroll" tabIndex={0} role="region" aria-label={label}>
      <table className={stacked ? 'croft-table croft-stacked' : 'croft-table'} aria-label={label}>
        <thead>
          <tr>
            {columns.map(column => (
              <th key={column.title} scope="col" className={column.numeric ? 'croft-numeric' : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map(item => (
            <tr key={keyOf(item)}>
              {columns.map(column => (
                <td key={column.title} className={column.numeric ? 'croft-numeric' : undefined}>
                  {column.cell(item)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
