/** Fitting guests' NUMA nodes, CPUs, pages and devices onto a host: chosen cases, and random hosts filled until nothing fits. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  pageSizes,
  cpusTaken,
  fitBeside,
  fitHardware,
  type HardwareAsked,
  type HostHardware,
  nothingTaken,
  withTaken,
} from '../../../src/controller/scheduler/hardware-fit.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import type { HostSnapshot, PlacementAsked } from '../../../src/controller/scheduler/snapshot.ts'
import { type AssignedHardware, type Hardware, plainHardware } from '../../../src/model/hardware.ts'

/** Nodes of `cores` cores with `threads` each, numbered as Intel does: first all first threads. */
function hostOf(nodes: number, cores: number, threads: number, more: Partial<HostHardware> = {}): HostHardware {
  const total = nodes * cores
  const all = Array.from({ length: total }, (_, core) => Array.from({ length: threads }, (__, n) => core + n * total))
  return {
    nodes: Array.from({ length: nodes }, (_, node) => ({
      node,
      cpus: all
        .slice(node * cores, (node + 1) * cores)
        .flat()
        .sort((a, b) => a - b),
      memory_mib: 8192,
      pages: [{ size_kib: 2048, total: 1024 }],
    })),
    cores: all,
    kept_cpus: [],
    devices: [],
    taken: nothingTaken,
    ...more,
  }
}

function askedOf(cells: [vcpus: number, memory_mib: number][], more: Partial<HardwareAsked> = {}): HardwareAsked {
  let next = 0
  return {
    cpu_policy: 'dedicated',
    threads: 'prefer',
    page_size: 'small',
    pci: [],
    pci_near: false,
    cells: cells.map(([n, memory_mib]) => ({ vcpus: Array.from({ length: n }, () => next++), memory_mib })),
    ...more,
  }
}

function given(host: HostHardware, asked: HardwareAsked): AssignedHardware {
  const fit = fitHardware(host, asked)
  if (fit.why !== undefined) assert.fail(fit.why)
  return fit.assigned
}

function why(host: HostHardware, asked: HardwareAsked): string {
  const fit = fitHardware(host, asked)
  if (fit.why === undefined) assert.fail('it fits')
  return fit.why
}

describe('fitting hardware', () => {
  test('whole cores first', () => {
    const { cells } = given(hostOf(1, 4, 2), askedOf([[4, 1024]]))
    assert.deepEqual(cells[0]?.cpus, [0, 4, 1, 5])
  })

  test('a broken core is used up before another is broken', () => {
    const host = hostOf(1, 4, 2, { taken: { ...nothingTaken, cpus: [2] } })
    assert.deepEqual(given(host, askedOf([[1, 64]])).cells[0]?.cpus, [6])
    assert.deepEqual(given(host, askedOf([[3, 64]])).cells[0]?.cpus, [0, 4, 6])
  })

  test('isolated vCPUs keep the other threads idle; whole ones want threads', () => {
    const isolated = given(hostOf(1, 4, 2), askedOf([[2, 64]], { threads: 'isolate' }))
    assert.deepEqual(
      [isolated.cells[0]?.cpus, isolated.idle_cpus],
      [
        [0, 1],
        [4, 5],
      ],
    )
    const whole = given(hostOf(1, 4, 2), askedOf([[3, 64]], { threads: 'require' }))
    assert.deepEqual([whole.cells[0]?.cpus, whole.idle_cpus], [[0, 4, 1], [5]])
    assert.match(why(hostOf(1, 4, 1), askedOf([[2, 64]], { threads: 'require' })), /needs 2 threads of whole cores/)
    assert.match(
      why(hostOf(1, 4, 2), askedOf([[5, 64]], { threads: 'isolate' })),
      /needs 5 whole cores .* 4 of one are free/,
    )
  })

  test('each node of the guest onto another of the host', () => {
    const { cells } = given(
      hostOf(2, 2, 1),
      askedOf([
        [2, 1024],
        [2, 1024],
      ]),
    )
    assert.deepEqual(cells.map(cell => cell.host_node).sort(), [0, 1])
    assert.match(why(hostOf(2, 2, 1), askedOf([[3, 64]])), /needs 3 CPUs of its own in a NUMA node, 2 of one are free/)
    assert.match(
      why(
        hostOf(1, 4, 1),
        askedOf([
          [1, 64],
          [1, 64],
        ]),
      ),
      /has 1 NUMA nodes, the guest needs 2/,
    )
  })

  test('kept CPUs are nobody’s own, and shared vCPUs need CPUs that are shared', () => {
    const host = hostOf(1, 4, 1, { kept_cpus: [0], taken: { ...nothingTaken, cpus: [3] } })
    assert.deepEqual(given(host, askedOf([[2, 64]])).cells[0]?.cpus, [1, 2])
    assert.match(why(host, askedOf([[3, 64]])), /2 of one are free/)
    assert.deepEqual(given(host, askedOf([[3, 64]], { cpu_policy: 'shared' })).cells[0]?.cpus, [])
    assert.match(why(host, askedOf([[4, 64]], { cpu_policy: 'shared' })), /3 of one are shared/)
  })

  test('pages by node, the largest that divides', () => {
    const pages = [
      { size_kib: 2048, total: 512 },
      { size_kib: 1048576, total: 1 },
    ]
    const host = hostOf(1, 4, 1)
    const rich: HostHardware = { ...host, nodes: host.nodes.map(node => ({ ...node, pages })) }
    assert.deepEqual(pageSizes(rich, askedOf([[1, 1024]], { page_size: 'any' })), [1048576, 2048, null])
    assert.equal(given(rich, askedOf([[1, 1024]], { page_size: 'large' })).page_size_kib, 1048576)
    assert.equal(given(rich, askedOf([[1, 1000]], { page_size: 'large' })).page_size_kib, 2048)
    assert.equal(given(rich, askedOf([[1, 4096]], { page_size: 'any' })).page_size_kib, null)
    assert.match(
      why(rich, askedOf([[1, 2048]], { page_size: 2048 })),
      /needs 1024 pages of 2048 KiB .* 512 of one are free/,
    )
    const bare: HostHardware = { ...host, nodes: host.nodes.map(node => ({ ...node, pages: [] })) }
    assert.match(why(bare, askedOf([[1, 1024]], { page_size: 'large' })), /no huge pages/)
  })

  const device = (address: string, node: number | null, aliases: string[], group: string | null = address) => ({
    address,
    node,
    aliases,
    group,
  })

  test('devices: near ones first, an overlapping alias is worked out, a group goes to one guest', () => {
    const host = hostOf(2, 4, 1, {
      devices: [
        device('a', 0, ['gpu']),
        device('b', 1, ['gpu', 'any']),
        device('c', 1, ['any'], 'g'),
        device('d', 1, ['any'], 'g'),
      ],
    })
    const near = given(host, askedOf([[1, 64]], { pci: [{ alias: 'any', count: 1 }] }))
    assert.equal(near.cells[0]?.host_node, 1)
    assert.deepEqual(
      given(
        host,
        askedOf([], {
          pci: [
            { alias: 'any', count: 1 },
            { alias: 'gpu', count: 2 },
          ],
        }),
      )
        .pci.map(one => one.address)
        .sort(),
      ['a', 'b', 'c'],
    )
    const used = { ...host, taken: { ...nothingTaken, devices: ['c', 'b'] } }
    assert.match(why(used, askedOf([], { pci: [{ alias: 'any', count: 1 }] })), /has not any free/)
    assert.match(
      why(host, askedOf([[1, 64]], { pci: [{ alias: 'gpu', count: 2 }], pci_near: true })),
      /near the guest’s NUMA nodes/,
    )
  })

  test('devices that it has already stay its own, told of or not, and the others are found beside them', () => {
    const one = { node: 1, group: 'a', aliases: ['gpu'] }
    const devices = [
      { ...one, address: 'gpu-of-group' },
      { ...one, address: 'disk', aliases: ['nvme'] },
      { ...one, address: 'other', group: 'b', aliases: ['nvme'] },
    ]
    const pci = [
      { alias: 'gpu', count: 1 },
      { alias: 'nvme', count: 1 },
    ]
    const taken = { ...nothingTaken, devices: ['disk'] }
    const has = [{ alias: 'nvme', address: 'disk' }]
    const both = [{ alias: 'gpu', address: 'gpu-of-group' }, ...has]
    const host = hostOf(2, 2, 1, { devices, taken })
    const asked = askedOf([[1, 64]], { pci, pci_near: true })
    const fit = fitBeside(host, asked, has)
    assert.deepEqual([fit.assigned?.pci, fit.assigned?.cells[0]?.host_node], [both, 1])
    const untold = { ...host, devices: devices.slice(0, 1) }
    assert.deepEqual(fitBeside(untold, asked, has).assigned?.pci, both)
    assert.match(fitBeside({ ...host, devices: [] }, asked, has).why ?? '', /has not gpu/)
    assert.deepEqual(fitBeside(host, asked, []), fitHardware(host, asked))
  })

  test('random guests until nothing fits: nothing is given twice, and each gets what it asked for', () => {
    const guest = fc.record({
      cells: fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.constantFrom(64, 512, 2048)), {
        minLength: 1,
        maxLength: 3,
      }),
      cpu_policy: fc.constantFrom('shared' as const, 'dedicated' as const),
      threads: fc.constantFrom('prefer' as const, 'require' as const, 'isolate' as const),
      page_size: fc.constantFrom('small' as const, 'large' as const, 'any' as const, 2048),
      pci: fc.constantFrom(
        [],
        [{ alias: 'gpu', count: 1 }],
        [
          { alias: 'gpu', count: 2 },
          { alias: 'any', count: 1 },
        ],
      ),
    })
    const hosts = fc.tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 2 }),
    )
    fc.assert(
      fc.property(hosts, fc.array(guest, { maxLength: 20 }), ([nodes, cores, threads], guests) => {
        const devices = Array.from({ length: 6 }, (_, n) =>
          device(`0000:0${n}:00.0`, n % nodes, n % 2 ? ['gpu', 'any'] : ['any'], `${n >> 1}`),
        )
        let host = hostOf(nodes, cores, threads, { kept_cpus: [0], devices })
        const groups = new Map<string, number>()
        for (const [n, { cells, ...more }] of guests.entries()) {
          const asked = askedOf(cells, more)
          const fit = fitHardware(host, asked)
          if (fit.why !== undefined) {
            assert.ok(fit.why.length > 0)
            continue
          }
          const { assigned } = fit
          assert.equal(new Set(assigned.cells.map(cell => cell.host_node)).size, asked.cells.length)
          for (const [at, cell] of assigned.cells.entries()) {
            assert.deepEqual(cell.vcpus, asked.cells[at]?.vcpus)
            const node = host.nodes.find(one => one.node === cell.host_node)
            assert.equal(cell.cpus.length, asked.cpu_policy === 'dedicated' ? cell.vcpus.length : 0)
            assert.ok(cell.cpus.every(cpu => node?.cpus.includes(cpu)))
          }
          for (const { address } of assigned.pci) {
            const group = devices.find(one => one.address === address)?.group ?? ''
            assert.equal(groups.get(group) ?? n, n, 'a group is one guest’s')
            groups.set(group, n)
          }
          assert.deepEqual(
            assigned.pci.map(one => one.alias).sort(),
            asked.pci.flatMap(one => Array(one.count).fill(one.alias)).sort(),
          )
          const before = host.taken.cpus.length
          host = { ...host, taken: withTaken(host.taken, assigned) }
          assert.equal(host.taken.cpus.length, before + cpusTaken(assigned))
        }
        const { cpus, devices: addresses, cells } = host.taken
        assert.equal(new Set(cpus).size, cpus.length, 'no CPU twice')
        assert.ok(!cpus.includes(0), 'the kept one is kept')
        assert.equal(new Set(addresses).size, addresses.length, 'no device twice')
        for (const { node, memory_mib, pages } of host.nodes) {
          const used = (size: number | null) =>
            cells.reduce(
              (sum, cell) => (cell.node === node && cell.page_size_kib === size ? sum + cell.memory_mib : sum),
              0,
            )
          assert.ok(used(null) <= memory_mib)
          for (const { size_kib, total } of pages) assert.ok(used(size_kib) * 1024 <= total * size_kib)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('pages of any size', () => {
  const host = hostOf(1, 4, 1)
  /** No usual memory is left; 2 GiB are in huge pages. */
  const full: HostSnapshot = {
    ...{ id: 'a', name: 'h1', zone_id: 'z', cluster_id: 'c', answers: true, schedulable: true, maintenance: false },
    ...{ arch: 'x86_64', virtualisation: 'kvm', pool_id: null, cpu_flags: [], labels: {}, aggregates: [] },
    ...{ vcpus_limit: 16, memory_limit_mib: 8192, disk_limit_gib: 8 },
    ...{ vcpus_claimed: 0, memory_claimed_mib: 8192, disk_claimed_gib: 0 },
  }
  const asking = (hardware: Partial<Hardware>): PlacementAsked => ({
    ...{ vcpus: 1, memory_mib: 1024, disk_gib: 1, zone_id: null, host_id: null, arch: null, labels: {}, cpu_flags: [] },
    hardware: { ...plainHardware, ...askedOf([[1, 1024]], { cpu_policy: 'shared' }), ...hardware },
    around: { hardware: new Map([['a', { ...host, cpu_models: null, features: null }]]) },
  })

  test('are huge ones where there are any, though no usual memory is free; and no more than there are', () => {
    const decisions = place([full], asking({ page_size: 'any' }), 3)
    assert.deepEqual(
      decisions.map(one => one.host_id),
      ['a', 'a', null],
    )
    assert.deepEqual(decisions.at(-1)?.refusals, { memory: 1 })
  })

  test('are usual ones beside those, and count as such', () => {
    const half = { ...full, memory_claimed_mib: 7168 }
    assert.equal(place([half], asking({ page_size: 'any' }), 5).filter(one => one.host_id !== null).length, 3)
    assert.equal(place([full], asking({}))[0]?.host_id, null)
  })
})
