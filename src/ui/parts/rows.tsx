/** Rows of a long list: a grid of which only the rows in view exist, moved through by the keyboard as a table is. */
import { Checkbox } from '@patternfly/react-core'
import { useVirtualizer } from '@tanstack/react-virtual'
import EllipsisVIcon from '@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon'
import { type CSSProperties, type KeyboardEvent, memo, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { type Column, type Item, labelOf, type NounDefinition } from '../noun/definition.ts'
import { actionsFor } from '../noun/why-not.ts'
import { useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { Actions } from './actions.tsx'
import { leastWidth_rem } from './least-width.ts'
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
const rowHeight = () => row_height_px
/** Read on when so many rows are left below. */
const ahead = 60

export function Rows(props: Props) {
  const { noun, columns, items, more, onMore, selected, onSelect } = props
  const body = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => body.current,
    // All rows are alike: with the same function each time, and no keys of its own, it need not count them all again when one changes.
    estimateSize: rowHeight,
    overscan: 12,
  })
  const shown = rows.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && last >= items.length - ahead) onMore()
  }, [more, last, items.length, onMore])
  const placeOf = usePlaces(shown.flatMap(({ index }) => items[index]?.id ?? []))
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
  const menu = useRowMenu(items)
  const actions = actionsFor(useSession(), noun)
  const bulk = actions.some(action => !action.single && !action.dialog)
  const acts = actions.length > 0
  const widths = [
    bulk && '2.75rem',
    ...columns.map(column => column.width ?? 'minmax(6rem, 1fr)'),
    acts && '3rem',
  ].filter(width => width !== false)
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
        style={
          { '--croft-columns': widths.join(' '), '--croft-rows-width': `${leastWidth_rem(widths)}rem` } as CSSProperties
        }
      >
        <div role="rowgroup" className="croft-rows-head">
          <div role="row" aria-rowindex={1} className="croft-row">
            {bulk && <SelectAll items={items} selected={selected} onSelect={onSelect} />}
            {columns.map(column => (
              <Heading key={column.id} column={column} sort={props.sort} onSort={props.onSort} />
            ))}
            {acts && (
              <div role="columnheader" className="croft-cell croft-acts">
                <span className="pf-v6-screen-reader">{words('actions')}</span>
              </div>
            )}
          </div>
        </div>
        <div role="rowgroup" className="croft-rows-body" style={{ height: rows.getTotalSize() }}>
          {shown.map(({ index, start }) => {
            const item = items[index]
            return (
              item && (
                <Row
                  key={placeOf(item.id)}
                  {...{ noun, columns, item, index, start, bulk, acts, toggle }}
                  selected={selected.has(item.id)}
                  expanded={menu.expanded === item.id}
                  onMenu={menu.onMenu}
                />
              )
            )
          })}
        </div>
      </div>
      {menu.item && (
        <Actions key={menu.key} noun={noun} items={[menu.item]} layout="row" at={menu.button} onClose={menu.onClose} />
      )}
      <p className="croft-count croft-muted" aria-live="polite">
        {words(more ? 'list.count_more' : 'list.count', { n: items.length })}
      </p>
    </>
  )
}

/**
 * The place of each thing shown: what scrolls out of view gives its place, elements and all, to what comes into it. Making elements
 * anew takes several times as long as changing their words.
 */
function usePlaces(ids: readonly string[]): (id: string) => number {
  const before = useRef<ReadonlyMap<string, number>>(new Map())
  const kept = new Map(ids.flatMap(id => (before.current.has(id) ? [[id, before.current.get(id) ?? 0] as const] : [])))
  const taken = new Set(kept.values())
  let next = 0
  for (const id of ids) {
    if (kept.has(id)) continue
    while (taken.has(next)) next++
    kept.set(id, next++)
  }
  before.current = kept
  return id => kept.get(id) ?? -1
}

/** One menu for all rows: there is no time for one in each while a list scrolls. It opens at the button that was pressed. */
function useRowMenu(items: readonly Item[]) {
  const [menu, setMenu] = useState<{ id: string; open: boolean; key: number }>()
  const button = useRef<HTMLButtonElement>(null)
  const onMenu = useCallback((id: string, pressed: HTMLButtonElement) => {
    button.current = pressed
    setMenu(before => (before?.open && before.id === id ? undefined : { id, open: true, key: (before?.key ?? 0) + 1 }))
  }, [])
  // What was chosen in it may still ask something: it stays until another one is opened.
  const onClose = useCallback(() => setMenu(before => before && { ...before, open: false }), [])
  const item = useMemo(() => menu && items.find(one => one.id === menu.id), [items, menu])
  return { item, key: menu?.key, expanded: menu?.open ? menu.id : undefined, button, onMenu, onClose }
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
  expanded: boolean
  onMenu(id: string, button: HTMLButtonElement): void
}

/** Plain elements with PatternFly's classes, where its components do more than a row has time for. */
const Row = memo(function Row({ noun, columns, item, index, start, bulk, acts, ...row }: RowProps) {
  const { selected, toggle, expanded, onMenu } = row
  const label = labelOf(noun, item)
  const place = useRef<HTMLDivElement>(null)
  // Another thing has come into this place: what one was at has scrolled away, and no key is to do anything with this one.
  useEffect(() => {
    const { activeElement } = document
    if (activeElement instanceof HTMLElement && place.current?.contains(activeElement)) activeElement.blur()
  }, [item.id])
  return (
    <div
      ref={place}
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      className={`croft-row croft-body-row ${selected ? 'croft-selected' : ''}`}
      style={{ transform: `translateY(${start}px)` }}
    >
      {bulk && (
        <div role="cell" className="croft-cell">
          <input
            type="checkbox"
            className="pf-v6-c-check__input"
            aria-label={words('bulk.one', { name: label })}
            checked={selected}
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
          <button
            type="button"
            className="pf-v6-c-menu-toggle pf-m-plain"
            aria-label={words('actions.of', { name: label })}
            aria-expanded={expanded}
            onClick={event => onMenu(item.id, event.currentTarget)}
          >
            <span className="pf-v6-c-menu-toggle__icon">
              <EllipsisVIcon />
            </span>
          </button>
        </div>
      )}
    </div>
  )
})
