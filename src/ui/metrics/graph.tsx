/** One graph, by uPlot: lines over time, drag to zoom, values under the pointer in the legend; the same as a table for who cannot see it. */
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { MetricUnit } from '../../model/metrics.ts'
import { SimpleTable } from '../parts/simple-table.tsx'
import { timeText } from '../parts/time.tsx'
import { usePreferences } from '../session/preferences.ts'
import { regional } from '../text/language.ts'
import { type TimeZone, zoneName } from '../text/time-zone.ts'
import { valueText } from './format.ts'
import { type GraphLine, devices_max, keyOf, marksOf } from './graphs.ts'
import { words } from './text.ts'

const dashes = [[], [6, 4], [2, 3]]

interface Props {
  title: string
  unit: MetricUnit
  times: readonly number[]
  lines: readonly (GraphLine & { label: string })[]
  top: number | undefined
  as_table: boolean
  /** Seconds since 1970. */
  onZoom(from_s: number, to_s: number): void
}

/** So that graphs under each other point at the same time. */
const together = uPlot.sync('croft')

function subscribeTheme(listener: () => void): () => void {
  const observer = new MutationObserver(listener)
  observer.observe(document.documentElement, { attributeFilter: ['class'] })
  return () => observer.disconnect()
}
const isDark = () => document.documentElement.classList.contains('pf-v6-theme-dark')

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const lineColour = (place: number) => `--croft-line-${(place % devices_max) + 1}`

export default function MetricGraph(props: Props) {
  const { title, unit, times, lines, as_table } = props
  const [pointed, setPointed] = useState<number | null>(null)
  const box = useGraph(props, setPointed)
  return (
    <figure className="croft-graph">
      {as_table ? (
        <ValueTable {...props} />
      ) : (
        <div ref={box} className="croft-graph-box" role="img" aria-label={summaryOf(title, unit, lines)} />
      )}
      <ul className="croft-legend" aria-label={words('legend', { title })}>
        {lines.map(line => (
          <li key={keyOf(line)}>
            <svg viewBox="0 0 32 6" aria-hidden="true">
              <line
                x1="0"
                x2="32"
                y1="3"
                y2="3"
                strokeWidth="4"
                stroke={`var(${lineColour(line.place)})`}
                strokeDasharray={dashes[line.dash]?.join(' ')}
              />
            </svg>
            {line.label}
            <strong>{valueText(unit, pointed === null ? lastOf(line) : line.values[pointed])}</strong>
          </li>
        ))}
      </ul>
      {times.length === 0 && <p className="croft-muted">{words('nothing')}</p>}
    </figure>
  )
}

/** Draws it, anew when the lines are others or the colours change; new values alone are handed to what is there. */
function useGraph(props: Props, setPointed: (place: number | null) => void) {
  const { times, lines, unit, top, onZoom, as_table } = props
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const { time_zone } = usePreferences()
  const dark = useSyncExternalStore(subscribeTheme, isDark)
  const shape = lines.map(keyOf).join()
  const data = useMemo((): uPlot.AlignedData => [[...times], ...lines.map(line => [...line.values])], [times, lines])
  const latest = useRef({ data, lines, onZoom })
  latest.current = { data, lines, onZoom }
  useEffect(() => {
    const at = box.current
    if (!at) return undefined
    const options = optionsOf({ unit, top, lines: latest.current.lines, time_zone }, at, {
      zoom: (from_s, to_s) => latest.current.onZoom(from_s, to_s),
      point: setPointed,
    })
    const made = new uPlot(options, latest.current.data, at)
    plot.current = made
    const sized = new ResizeObserver(() => made.setSize({ width: at.clientWidth, height: at.clientHeight }))
    sized.observe(at)
    return () => {
      sized.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [shape, unit, top, dark, time_zone, as_table, setPointed])
  useEffect(() => plot.current?.setData(data), [data])
  return box
}

/** An axis goes on a little after its last mark, so that a line there is seen. */
const over = 1.04

function optionsOf(
  { unit, top, lines, time_zone }: Pick<Props, 'unit' | 'top' | 'lines'> & { time_zone: TimeZone },
  at: HTMLElement,
  told: { zoom(from_s: number, to_s: number): void; point(place: number | null): void },
): uPlot.Options {
  const text = colour('--pf-t--global--text--color--subtle')
  const grid = { stroke: colour('--pf-t--global--border--color--default'), width: 1 }
  const font = '12px system-ui, sans-serif'
  const zone = zoneName(time_zone)
  return {
    width: at.clientWidth,
    height: at.clientHeight,
    legend: { show: false },
    cursor: { sync: { key: together.key }, drag: { x: true, y: false, setScale: false } },
    ...(zone && { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), zone) }),
    scales: {
      x: { time: true },
      y: { range: (_, __, most) => [0, top ?? (marksOf(unit, most ?? 0).at(-1) ?? 0) * over] },
    },
    axes: [
      { stroke: text, grid, ticks: grid, font, space: 60, size: 30, values: (_, splits) => timesOn(splits, time_zone) },
      {
        stroke: text,
        grid,
        ticks: grid,
        font,
        size: 74,
        splits: (_, __, ___, high) => (top ? [0, 1, 2, 3, 4].map(n => (top * n) / 4) : marksOf(unit, high / over)),
        values: (_, splits) => splits.map(value => valueText(unit, value)),
      },
    ],
    series: [
      {},
      ...lines.map(line => ({
        stroke: colour(lineColour(line.place)),
        width: 1.5,
        dash: dashes[line.dash] ?? [],
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      setSelect: [
        plot => {
          const { left, width } = plot.select
          if (width < 4) return
          const [from_s, to_s] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]
          // What was marked is all that there is then: the mark would lie over other times.
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          told.zoom(from_s, to_s)
        },
      ],
      setCursor: [({ cursor }) => told.point(cursor.idx ?? null)],
    },
  }
}

function lastOf({ values }: GraphLine): number | null {
  return values.findLast(value => value !== null) ?? null
}

/** As the user's language has it: hours where they tell points apart, days where those do. */
function timesOn(splits: readonly number[], time_zone: TimeZone): string[] {
  const apart_s = (splits[1] ?? 0) - (splits[0] ?? 0)
  const style: Intl.DateTimeFormatOptions =
    apart_s >= 86_400 ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit', hour12: false }
  const format = new Intl.DateTimeFormat(regional(), { ...style, timeZone: zoneName(time_zone) })
  return splits.map(seconds => format.format(new Date(seconds * 1000)))
}

function summaryOf(title: string, unit: MetricUnit, lines: Props['lines']): string {
  const parts = lines.map(({ label, values }) => {
    const known = values.filter(value => value !== null)
    const [low, high] = [Math.min(...known), Math.max(...known)]
    const last = valueText(unit, known.at(-1))
    return known.length === 0
      ? words('summary.none', { label })
      : words('summary', { label, last, low: valueText(unit, low), high: valueText(unit, high) })
  })
  return `${title}. ${parts.join('; ')}`
}

const rows_max = 60

/** The newest first; points put together when there are too many to read. */
function ValueTable({ title, unit, times, lines }: Props) {
  const { time_zone } = usePreferences()
  const every = Math.max(1, Math.ceil(times.length / rows_max))
  const places = times.flatMap((_, n) => (n % every === 0 ? n : [])).toReversed()
  return (
    <SimpleTable
      label={title}
      items={places}
      keyOf={String}
      empty={words('nothing')}
      columns={[
        { title: words('time'), cell: n => timeText(new Date((times[n] ?? 0) * 1000).toISOString(), time_zone) },
        ...lines.map(line => ({
          title: line.label,
          numeric: true,
          cell: (n: number) => valueText(unit, line.values[n]),
        })),
      ]}
    />
  )
}
