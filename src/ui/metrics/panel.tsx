/**
 * Metrics of one thing, and of others beside it to compare: graphs over a range of time that follow the present, or a part of the past
 * that was zoomed into. All of it is in the address. For the pages of instances, hosts and pools.
 */
import {
  Button,
  Card,
  CardBody,
  CardHeader,
  CardTitle,
  Label,
  Switch,
  ToggleGroup,
  ToggleGroupItem,
} from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState } from 'react'
import type { MetricHistory, MetricsNow } from '../../api/metrics.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { FilterControl } from '../parts/filter-control.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { timeText } from '../parts/time.tsx'
import { usePreferences } from '../session/preferences.ts'
import type { Search } from '../shell/router.tsx'
import { DeviceChoice, type DeviceName, labelled, MoreDevices } from './devices.tsx'
import { type Graph, graphs, timesOf, unitOf, withSample } from './graphs.ts'
import MetricGraph from './graph.tsx'
import './metrics.css'
import { MeasuringOff } from './off.tsx'
import { useSamples } from './stream.ts'
import { words } from './text.ts'

const ranges = { '1h': 3600, '6h': 21_600, '1d': 86_400, '7d': 604_800, '30d': 2_592_000, '1y': 31_536_000 } as const
type RangeName = keyof typeof ranges
const rangeNames = Object.keys(ranges) as RangeName[]
const compared_max = 5

type PanelKind = 'instance' | 'host' | 'pool'

interface View {
  range: RangeName
  /** Zoomed into, seconds since 1970; null follows the present. */
  zoom: { from_s: number; to_s: number } | null
  others: readonly string[]
  /** The graphs that have a line for each device. */
  each: readonly Graph['id'][]
  as_table: boolean
}

/** The view in the address, and how to change it. */
function useView(): [View, (changes: Partial<View>) => void] {
  const search = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const zoom = search.from && search.to ? { from_s: Number(search.from), to_s: Number(search.to) } : null
  const view: View = {
    range: rangeNames.find(name => name === search.range) ?? '1h',
    zoom: zoom && zoom.from_s < zoom.to_s ? zoom : null,
    others: (search.compare ?? '')
      .split(',')
      .filter(Boolean)
      .slice(0, compared_max - 1),
    each: inOrder((search.devices ?? '').split(',')),
    as_table: search.table === 'true',
  }
  const change = (changes: Partial<View>) => {
    const next = { ...view, ...changes }
    void navigate({
      to: '.',
      replace: true,
      search: {
        ...(next.range !== '1h' && { range: next.range }),
        ...(next.zoom && { from: String(Math.floor(next.zoom.from_s)), to: String(Math.ceil(next.zoom.to_s)) }),
        ...(next.others.length > 0 && { compare: next.others.join(',') }),
        ...(next.each.length > 0 && { devices: next.each.join(',') }),
        ...(next.as_table && { table: 'true' }),
      },
    } as never)
  }
  return [view, change]
}

/** In the order of the graphs, so that the same choice has the same address; without what is no graph of devices. */
function inOrder(named: readonly string[]): Graph['id'][] {
  return graphs.flatMap(({ id, per_device }) => (per_device && named.includes(id) ? id : []))
}

interface PanelProps {
  kind: PanelKind
  id: string
  /** What people call its disks and NICs, where the page knows; without it they are called as they are measured. */
  deviceName?: DeviceName
}

export default function MetricsPanel({ kind, id, deviceName }: PanelProps) {
  const [view, change] = useView()
  const resource = useMemo(() => [id, ...view.others.filter(one => one !== id)], [id, view.others.join()])
  const { history, error, loading } = useHistory(resource, view)
  const names = new Map(history?.resources.map(one => [one.resource_id, one.name]))
  return (
    <div className="croft-stack">
      <RangeBar view={view} change={change} />
      <CompareBar kind={kind} id={id} names={names} view={view} change={change} />
      <ProblemAlert error={error} />
      {loading && !history && <Loading />}
      {history && <Graphs {...{ kind, id, deviceName, history, view, change }} />}
    </div>
  )
}

/** Read once; from then on samples are put to its end, as long as the present is looked at. */
function useHistory(resource: readonly string[], { range, zoom, each }: View) {
  // Grows when samples were missed, so that all is read again.
  const [begun, setBegun] = useState(() => ({ at_ms: Date.now() }))
  const missed = useCallback(() => setBegun({ at_ms: Date.now() }), [])
  const devices = each.length > 0
  // What is asked anew is asked up to now: samples go on from there.
  const begin_ms = useMemo(() => Date.now(), [range, zoom === null, begun, resource, devices])
  const span = zoom ?? { from_s: begin_ms / 1000 - ranges[range], to_s: begin_ms / 1000 }
  const [from, to] = [new Date(span.from_s * 1000).toISOString(), new Date(span.to_s * 1000).toISOString()]
  const read = useRead(routes.metrics.get, {
    query: { resource: [...resource], from, to, ...(devices && { devices }) },
  })
  const [history, setHistory] = useState<MetricHistory | undefined>(undefined)
  useEffect(() => {
    if (read.data) setHistory(read.data)
  }, [read.data])
  const sample = useCallback((now: MetricsNow) => setHistory(before => before && withSample(before, now)), [])
  useSamples({ resource, devices }, zoom === null && read.data !== undefined, sample, missed)
  return { history, error: read.error, loading: read.isLoading }
}

type BarProps = { view: View; change(changes: Partial<View>): void }

function RangeBar({ view, change }: BarProps) {
  const { time_zone } = usePreferences()
  const now_s = Date.now() / 1000
  const { from_s, to_s } = view.zoom ?? { from_s: now_s - ranges[view.range], to_s: now_s }
  const span = to_s - from_s
  const zoom = (from: number, to: number) => change({ zoom: { from_s: from, to_s: Math.min(now_s, to) } })
  const text = (seconds: number) => timeText(new Date(seconds * 1000).toISOString(), time_zone)
  return (
    <div className="croft-metrics-bar">
      <ToggleGroup aria-label={words('range')}>
        {rangeNames.map(name => (
          <ToggleGroupItem
            key={name}
            text={words(name)}
            buttonId={`range-${name}`}
            isSelected={view.zoom === null && view.range === name}
            onChange={() => change({ range: name, zoom: null })}
          />
        ))}
      </ToggleGroup>
      <div>
        <Button variant="link" isInline={false} onClick={() => zoom(from_s - span / 2, to_s - span / 2)}>
          {words('earlier')}
        </Button>
        {view.zoom && (
          <Button variant="link" onClick={() => zoom(from_s + span / 2, to_s + span / 2)}>
            {words('later')}
          </Button>
        )}
        <Button variant="link" isDisabled={span < 120} onClick={() => zoom(from_s + span / 4, to_s - span / 4)}>
          {words('zoom_in')}
        </Button>
        <Button variant="link" onClick={() => zoom(from_s - span / 2, to_s + span / 2)}>
          {words('zoom_out')}
        </Button>
        {view.zoom && (
          <Button variant="secondary" onClick={() => change({ zoom: null })}>
            {words('reset')}
          </Button>
        )}
      </div>
      <span aria-live="polite">
        {view.zoom ? (
          words('zoomed', { from: text(from_s), to: text(to_s) })
        ) : (
          <Label color="green" isCompact>
            {words('live')}
          </Label>
        )}
      </span>
    </div>
  )
}

function CompareBar({
  kind,
  id,
  names,
  view,
  change,
}: BarProps & { kind: PanelKind; id: string; names: ReadonlyMap<string, string> }) {
  const add = (other: string | undefined) => {
    if (other && other !== id && !view.others.includes(other)) change({ others: [...view.others, other] })
  }
  return (
    <div className="croft-metrics-bar">
      {view.others.length < compared_max - 1 && (
        <FilterControl
          filter={{ field: 'compare', title: () => words('compare'), kind: 'noun', noun: kind }}
          value={undefined}
          onChange={add}
        />
      )}
      {view.others.map(other => (
        <Label
          key={other}
          onClose={() => change({ others: view.others.filter(one => one !== other) })}
          closeBtnAriaLabel={words('remove', { name: names.get(other) ?? '' })}
        >
          {names.get(other) ?? '…'}
        </Label>
      ))}
      <Switch
        id="metrics-as-table"
        label={words('table')}
        isChecked={view.as_table}
        onChange={(_, on) => change({ as_table: on })}
        className="croft-switch"
      />
      <span className="croft-muted">{words('hint')}</span>
    </div>
  )
}

type GraphsProps = BarProps & PanelProps & { history: MetricHistory }

function Graphs(props: GraphsProps) {
  const { kind, history } = props
  const times = useMemo(() => timesOf(history), [history])
  const shown = graphs.filter(graph => graph.kinds.includes(kind))
  return (
    <div className="croft-graphs">
      {times.length === 0 && <MeasuringOff />}
      {shown.map(graph => (
        <GraphCard key={graph.id} {...props} graph={graph} times={times} />
      ))}
    </div>
  )
}

function GraphCard(props: GraphsProps & { graph: Graph; times: readonly number[] }) {
  const { kind, id, deviceName, graph, times, history, view, change } = props
  const each = view.each.includes(graph.id)
  const lines = useMemo(
    () => labelled(graph, history, { each, id, deviceName }),
    [graph, history, each, id, deviceName],
  )
  const title = words(graph.id)
  const choose = (chosen: boolean) => {
    const others = view.each.filter(one => one !== graph.id)
    change({ each: inOrder(chosen ? [...others, graph.id] : others) })
  }
  return (
    <Card isCompact>
      {graph.per_device?.includes(kind) ? (
        <CardHeader
          hasWrap
          actions={{
            hasNoOffset: true,
            actions: <DeviceChoice graph={graph} each={each} onChange={choose} />,
          }}
        >
          <CardTitle component="h2">{title}</CardTitle>
        </CardHeader>
      ) : (
        <CardTitle component="h2">{title}</CardTitle>
      )}
      <CardBody>
        <MetricGraph
          title={title}
          unit={unitOf(graph)}
          times={times}
          lines={lines}
          top={graph.top}
          as_table={view.as_table}
          onZoom={(from_s, to_s) => change({ zoom: { from_s, to_s } })}
        />
        {each && <MoreDevices graph={graph} history={history} />}
      </CardBody>
    </Card>
  )
}
