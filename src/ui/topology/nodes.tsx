/** How the boxes of the picture look. Each thing in them is a link: by mouse and by keyboard. */
import { Button } from '@patternfly/react-core'
import ExternalIcon from '@patternfly/react-icons/dist/esm/icons/globe-icon'
import NetworkIcon from '@patternfly/react-icons/dist/esm/icons/network-wired-icon'
import RouterIcon from '@patternfly/react-icons/dist/esm/icons/route-icon'
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import type { Instance } from '../../api/instance.ts'
import { InstanceStateLabel } from '../instance/state.tsx'
import { addressOf, To } from '../parts/link.tsx'
import { type Box, columnsFor, dots_max, drawn, shown_max } from './graph.ts'
import { words } from './text.ts'

interface BoxData extends Record<string, unknown> {
  box: Box
  toggle(id: string): void
}
export type BoxNode = Node<BoxData, 'box'>

export function BoxView({ data }: NodeProps<BoxNode>) {
  const { box, toggle } = data
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      {box.kind === 'network' ? (
        <NetworkBox box={box} />
      ) : box.kind === 'router' ? (
        <RouterBox box={box} />
      ) : (
        <InstancesBox box={box} toggle={toggle} />
      )}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  )
}

type Of<K extends Box['kind']> = Extract<Box, { kind: K }>

function NetworkBox({ box: { network, subnets } }: { box: Of<'network'> }) {
  const outside = network.kind === 'external'
  const Icon = outside ? ExternalIcon : NetworkIcon
  return (
    <section className={`croft-box croft-box-network ${outside ? 'croft-box-external' : ''}`}>
      <h2>
        <Icon /> <To to={addressOf('networks', network.id)}>{network.name}</To>
      </h2>
      <p className="croft-box-kind">{words(outside ? 'external' : 'network')}</p>
      {subnets.length === 0 ? (
        <p className="croft-muted">{words('no_subnet')}</p>
      ) : (
        <ul>
          {subnets.slice(0, subnets.length > 4 ? 3 : 4).map(one => (
            <li key={one.id}>
              <code>{one.cidr}</code>
            </li>
          ))}
          {subnets.length > 4 && <li>+{subnets.length - 3}</li>}
        </ul>
      )}
    </section>
  )
}

function RouterBox({ box: { router } }: { box: Of<'router'> }) {
  return (
    <section className="croft-box croft-box-router">
      <h2>
        <RouterIcon /> <To to={addressOf('routers', router.id)}>{router.name}</To>
      </h2>
      <p className="croft-box-kind">
        {words('router')}
        {router.snat && router.external_network_id !== null && ` ${words('snat')}`}
      </p>
    </section>
  )
}

function InstancesBox({ box, toggle }: { box: Of<'instances'>; toggle(id: string): void }) {
  const { instances, networks, expanded } = box
  const shown = drawn(box)
  const networks_named = networks.map(one => one.name).join(', ')
  return (
    <section className="croft-box croft-box-instances" aria-label={words('instances.of', { networks: networks_named })}>
      <h2>{words('instances', { n: instances.length })}</h2>
      {instances.length > shown_max && (
        <>
          <StateCounts instances={instances} />
          {!expanded && <Dots instances={instances} />}
          <Button variant="link" isInline size="sm" aria-expanded={expanded} onClick={() => toggle(box.id)}>
            {expanded ? words('fewer') : words('all', { n: instances.length })}
          </Button>
        </>
      )}
      <ul className="croft-chips" style={{ gridTemplateColumns: `repeat(${columnsFor(shown.length)}, 1fr)` }}>
        {shown.map(one => (
          <Chip key={one.id} instance={one} />
        ))}
      </ul>
    </section>
  )
}

function StateCounts({ instances }: { instances: readonly Instance[] }) {
  return (
    <p className="croft-state-counts">
      {[...Map.groupBy(instances, one => one.state)].map(([state, all]) => (
        <span key={state}>
          {all.length} <InstanceStateLabel instance={{ state, reason: null, step: null, percent: null }} />
        </span>
      ))}
    </p>
  )
}

/** All of them at a glance; the counts above say the same in words. */
function Dots({ instances }: { instances: readonly Instance[] }) {
  return (
    <div className="croft-dots" aria-hidden="true">
      {instances.slice(0, dots_max).map(one => (
        <span key={one.id} className={`croft-dot croft-dot-${one.state}`} title={one.name} />
      ))}
    </div>
  )
}

function Chip({ instance }: { instance: Instance }) {
  const [first] = instance.addresses
  return (
    <li className={`croft-chip croft-chip-${instance.state}`}>
      <To to={addressOf('instances', instance.id)}>{instance.name}</To>
      <span className="croft-chip-line">
        <InstanceStateLabel instance={{ ...instance, reason: null, step: null, percent: null }} />
        <code>{first?.floating_address ?? first?.address ?? ''}</code>
      </span>
    </li>
  )
}
