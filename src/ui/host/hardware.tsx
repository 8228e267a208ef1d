/** What the agent found in a host: CPU, NUMA, memory, disks, NICs, PCI devices. */
import { Card, CardBody, CardTitle, SearchInput } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import type { Host } from '../../api/host.ts'
import { Facts as FactList } from '../parts/facts.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number, size } from '../parts/time.tsx'
import { type Facts, factsOf } from './facts.ts'
import { GivenHardware } from './given.tsx'
import { ranges } from '../../model/ranges.ts'
import { words } from './text.ts'
import './host.css'

export default function HostHardware({ item }: { item: Host }) {
  const facts = factsOf(item)
  return (
    <div className="croft-stack">
      <Section title={words('cpu')}>
        <FactList
          facts={[
            [words('cpu.model'), facts.cpu_model],
            [words('cpu.arch'), facts.arch],
            [words('cpu.threads'), facts.cpus === undefined ? null : number(facts.cpus)],
            [words('cpu.cores'), facts.cores === undefined ? null : number(facts.cores)],
            [words('cpu.sockets'), facts.sockets === undefined ? null : number(facts.sockets)],
            [words('memory'), facts.memory_mib === undefined ? null : size(facts.memory_mib, 'MiB')],
            [words('pool'), poolText(facts)],
          ]}
        />
        <Flags flags={facts.cpu_flags ?? []} />
      </Section>
      <GivenHardware item={item} />
      <div className="croft-cards">
        <Numa facts={facts} />
        <Disks facts={facts} />
        <Nics facts={facts} />
        <Pci facts={facts} />
      </div>
    </div>
  )
}

function poolText({ pool_free_gib, pool_total_gib }: Facts): string | null {
  if (pool_free_gib === undefined || pool_total_gib === undefined) return null
  return words('pool.text', { free: size(pool_free_gib, 'GiB'), total: size(pool_total_gib, 'GiB') })
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>{children}</CardBody>
    </Card>
  )
}

function Flags({ flags }: { flags: readonly string[] }) {
  const [typed, setTyped] = useState('')
  if (flags.length === 0) return null
  const shown = flags.filter(flag => flag.includes(typed.trim().toLowerCase()))
  return (
    <div className="croft-stack croft-above">
      <SearchInput
        className="croft-narrow-form"
        aria-label={words('cpu.flags.search')}
        placeholder={words('cpu.flags.search')}
        value={typed}
        onChange={(_, text) => setTyped(text)}
        onClear={() => setTyped('')}
      />
      <div className="croft-flags croft-mono" tabIndex={0} role="region" aria-label={words('cpu.flags')}>
        {shown.length === 0 ? words('cpu.flags.none') : shown.map(flag => <span key={flag}>{flag}</span>)}
      </div>
    </div>
  )
}

function Numa({ facts }: { facts: Facts }) {
  return (
    <Section title={words('numa')}>
      <SimpleTable
        label={words('numa')}
        items={facts.numa ?? []}
        keyOf={one => String(one.node)}
        empty={words('none')}
        columns={[
          { title: words('numa.node'), cell: one => one.node },
          { title: words('numa.cpus'), cell: one => ranges(one.cpus) },
          { title: words('memory'), cell: one => size(one.memory_mib, 'MiB'), numeric: true },
        ]}
      />
      {(facts.huge_pages ?? []).map(one => (
        <p key={one.size_kib} className="croft-muted croft-small">
          {words('huge_pages', { size: size(one.size_kib, 'KiB'), total: one.total })}
        </p>
      ))}
    </Section>
  )
}

function Disks({ facts }: { facts: Facts }) {
  return (
    <Section title={words('disks')}>
      <SimpleTable
        label={words('disks')}
        items={facts.disks ?? []}
        keyOf={one => one.name}
        empty={words('none')}
        columns={[
          { title: words('name'), cell: one => <code>{one.name}</code> },
          { title: words('size'), cell: one => size(one.size_bytes), numeric: true },
          { title: words('disks.kind'), cell: one => words(one.rotational ? 'disks.rotating' : 'disks.flash') },
          { title: words('model'), cell: one => one.model || '–' },
        ]}
      />
    </Section>
  )
}

function Nics({ facts }: { facts: Facts }) {
  return (
    <Section title={words('nics')}>
      <SimpleTable
        label={words('nics')}
        items={facts.nics ?? []}
        keyOf={one => one.name}
        empty={words('none')}
        columns={[
          { title: words('name'), cell: one => <code>{one.name}</code> },
          { title: 'MAC', cell: one => <code>{one.mac}</code> },
          {
            title: words('nics.speed'),
            cell: one => (one.speed_mbps === null ? '–' : `${number(one.speed_mbps)} Mbit/s`),
            numeric: true,
          },
          { title: 'MTU', cell: one => number(one.mtu), numeric: true },
          { title: words('nics.driver'), cell: one => one.driver || '–' },
          { title: 'SR-IOV', cell: one => number(one.sriov_vfs), numeric: true },
        ]}
      />
    </Section>
  )
}

function Pci({ facts }: { facts: Facts }) {
  return (
    <Section title={words('pci')}>
      <SimpleTable
        label={words('pci')}
        items={facts.pci ?? []}
        keyOf={one => one.address}
        empty={words('none')}
        columns={[
          { title: words('pci.address'), cell: one => <code>{one.address}</code> },
          { title: words('pci.vendor'), cell: one => <code>{one.vendor}</code> },
          { title: words('pci.device'), cell: one => <code>{one.device}</code> },
          { title: words('pci.class'), cell: one => <code>{one.class}</code> },
        ]}
      />
    </Section>
  )
}
