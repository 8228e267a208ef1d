/** Rows of a long list: a grid of which only the rows in view exist, moved through by the keyboard as a table is. */
import { Checkbox } from '@patternfly/react-core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type CSSProperties, type KeyboardEvent, memo, useCallback, useEffect, useRef } from 'react'
import { type Column, type Item, labelOf, type NounDefinition } from '../noun/definition.ts'
import { actionsFor } from '../noun/why-not.ts'
import { useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { Actions } from './actions.tsx'
import { addressOf, To } from './link.tsx'

interface Props {
  noun: NounDefinition
  columns: readonly Column<Item>[]
  items: readonly Item[]
  more: boolean
  onMore(): void
  sort: string
  onSort(sort: string): void
  selected: ReadonlySet<string>
  onSelect(selected: ReadonlySet<string>): void
}

const row_height_px = 40
/** Read on when so many rows are left below. */
const ahead = 60

export function Rows(props: Props) {
  const { noun, columns, items, more, onMore, selected, onSelect } = props
  const body = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => body.current,
    estimateSize: () => row_height_px,
    getItemKey: n => items[n]?.id ?? n,
    overscan: 12,
  })
  const shown = rows.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && last >= items.length - ahead) onMore()
  }, [more, last, items.length, onMore])
  const selection = useRef(selected)
  selection.current = selected
  const toggle = useCallback(
    (id: string) => {
      const next = new Set(selection.current)
      if (!next.delete(id)) next.add(id)
      onSelect(next)
    },
    [onSelect],
  )
  const actions = actionsFor(useSession(), noun)
  const bulk = actions.some(action => !action.single && !action.dialog)
  const acts = actions.length > 0
  const template = [bulk && '2.75rem', ...columns.map(column => column.width ?? 'minmax(6rem, 1fr)'), acts && '3rem']
    .filter(Boolean)
    .join(' ')
  return (
    <>
      <div
        ref={body}
        className="croft-rows"
        role="table"
        aria-label={noun.titles()}
        aria-rowcount={more ? -1 : items.length + 1}
        tabIndex={0}
        onKeyDown={moveFocus}
        style={{ '--croft-columns': template, '--croft-rows-width': `${columns.length * 7.5 + 7}rem` } as CSSProperties}
      >
        <div role="rowgroup" className="croft-rows-head">
          <div role="row" aria-rowindex={1} className="croft-row">
            {bulk && <SelectAll items={items} selected={selected} onSelect={onSelect} />}
            {columns.map(column => (
              <Heading key={column.id} column={column} sort={props.sort} onSort={props.onSort} />
            ))}
            {acts && (
              <div role="columnheader" className="croft-cell croft-acts">
                <span className="pf-v6-u-screen-reader">{words('actions')}</span>
              </div>
            )}
          </div>
        </div>
        <div role="rowgroup" className="croft-rows-body" style={{ height: rows.getTotalSize() }}>
          {shown.map(({ index, key, start }) => {
            const item = items[index]
            return (
              item && (
                <Row
                  key={key}
                  {...{ noun, columns, item, index, start, bulk, acts, toggle }}
                  selected={selected.has(item.id)}
                />
              )
            )
          })}
        </div>
      </div>
      <p className="croft-count croft-muted" aria-live="polite">
        {words(more ? 'list.count_more' : 'list.count', { n: items.length })}
      </p>
    </>
  )
}

/** Arrow keys go from row to row by what the row's name links to. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (step === 0 || !(event.target instanceof HTMLElement)) return
  const row = event.target.closest('[data-index]')
  const next = Number(row?.getAttribute('data-index') ?? -1) + step
  const target = event.currentTarget.querySelector<HTMLElement>(`[data-index="${next}"] a`)
  if (!target) return
  event.preventDefault()
  target.focus()
}

function Heading({ column, sort, onSort }: { column: Column<Item>; sort: string; onSort(sort: string): void }) {
  const direction =
    column.sort === undefined
      ? undefined
      : sort === column.sort
        ? 'ascending'
        : sort === `-${column.sort}`
          ? 'descending'
          : 'none'
  const className = `croft-cell ${column.numeric ? 'croft-numeric' : ''}`
  if (column.sort === undefined)
    return (
      <div role="columnheader" className={className}>
        {column.title()}
      </div>
    )
  return (
    <div role="columnheader" aria-sort={direction} className={className}>
      <button
        type="button"
        className="croft-sort"
        onClick={() => onSort(direction === 'ascending' ? `-${column.sort}` : (column.sort ?? ''))}
      >
        {column.title()}{' '}
        <span aria-hidden="true">{direction === 'ascending' ? '↑' : direction === 'descending' ? '↓' : '↕'}</span>
      </button>
    </div>
  )
}

function SelectAll({ items, selected, onSelect }: Pick<Props, 'items' | 'selected' | 'onSelect'>) {
  const all = items.length > 0 && items.every(item => selected.has(item.id))
  return (
    <div role="columnheader" className="croft-cell">
      <Checkbox
        id="select-all"
        aria-label={words('bulk.all')}
        isChecked={all ? true : selected.size > 0 ? null : false}
        onChange={() => onSelect(all ? new Set() : new Set(items.map(item => item.id)))}
      />
    </div>
  )
}

interface RowProps extends Pick<Props, 'noun' | 'columns'> {
  item: Item
  index: number
  start: number
  bulk: boolean
  acts: boolean
  selected: boolean
  toggle(id: string): void
}

const Row = memo(function Row({ noun, columns, item, index, start, bulk, acts, selected, toggle }: RowProps) {
  const label = labelOf(noun, item)
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      className={`croft-row croft-body-row ${selected ? 'croft-selected' : ''}`}
      style={{ transform: `translateY(${start}px)` }}
    >
      {bulk && (
        <div role="cell" className="croft-cell">
          <Checkbox
            id={`select-${item.id}`}
            aria-label={words('bulk.one', { name: label })}
            isChecked={selected}
            onChange={() => toggle(item.id)}
          />
        </div>
      )}
      {columns.map((column, n) => (
        <div key={column.id} role="cell" className={`croft-cell ${column.numeric ? 'croft-numeric' : ''}`}>
          {n === 0 && noun.get ? (
            <To to={addressOf(noun.path, item.id)} className="croft-name">
              {column.cell(item)}
            </To>
          ) : (
            column.cell(item)
          )}
        </div>
      ))}
      {acts && (
        <div role="cell" className="croft-cell croft-acts">
          <Actions noun={noun} items={[item]} layout="row" />
        </div>
      )}
    </div>
  )
})
