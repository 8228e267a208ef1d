/** Disks, NICs and pools in a graph: all of a resource's together, or each as a line of its own, and how people call them. */
import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import type { MetricHistory } from '../../api/metrics.ts'
import { devices_max, devicesOf, type Graph, type GraphLine, linesOf } from './graphs.ts'
import { words } from './text.ts'

/** `all`: the devices of its kind that were measured. Null where it is not known what it is. */
export type DeviceName = (device: string, all: readonly string[]) => string | null

export function DeviceChoice({
  graph,
  each,
  onChange,
}: {
  graph: Graph
  each: boolean
  onChange(each: boolean): void
}) {
  return (
    <ToggleGroup isCompact aria-label={words('devices', { title: words(graph.id) })}>
      <ToggleGroupItem
        text={words('devices.sum')}
        buttonId={`devices-${graph.id}-sum`}
        isSelected={!each}
        onChange={() => onChange(false)}
      />
      <ToggleGroupItem
        text={words('devices.each')}
        buttonId={`devices-${graph.id}-each`}
        isSelected={each}
        onChange={() => onChange(true)}
      />
    </ToggleGroup>
  )
}

export function MoreDevices({ graph, history }: { graph: Graph; history: MetricHistory }) {
  const all = devicesOf(graph, history).length
  return all > devices_max && <p className="croft-muted">{words('devices.most', { shown: devices_max, all })}</p>
}

interface Naming {
  each: boolean
  /** The resource whose devices have names. */
  id: string
  deviceName: DeviceName | undefined
}

/** Whose, of which device and what: as much of it as tells the lines apart. */
export function labelled(
  graph: Graph,
  history: MetricHistory,
  { each, id, deviceName }: Naming,
): (GraphLine & { label: string })[] {
  const names = new Map(history.resources.map(one => [one.resource_id, one.name]))
  const own = devicesOf(graph, history).flatMap(({ resource, device }) => (resource.resource_id === id ? device : []))
  return linesOf(graph, history, each).map(line => {
    const known = line.device !== null && line.resource_id === id ? deviceName?.(line.device, own) : null
    const parts = [
      ...(names.size > 1 ? [names.get(line.resource_id) ?? ''] : []),
      ...(line.device === null ? [] : [known ?? line.device]),
      words.maybe(line.metric) ?? line.metric,
    ]
    return { ...line, label: parts.reduce((name, metric) => words('line', { name, metric })) }
  })
}
