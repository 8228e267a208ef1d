/** What a simulated host measures: smooth curves over time, another one for each guest, cheap to make up. */
import type { SampleSource } from '../src/agent/ports.ts'
import type { Clock } from '../src/lib/clock.ts'
import { type HostSample, type InstanceSample, ownPool } from '../src/protocol/samples.ts'

interface Guests {
  /** Ids of those that run. */
  running(): readonly string[]
}

const mib = 2 ** 20
const gib = 2 ** 30

/** 0 to 1, the same for the same text. */
function shareOf(text: string): number {
  let hash = 7
  for (let n = 0; n < text.length; n++) hash = (hash * 31 + text.charCodeAt(n)) % 1_000_003
  return hash / 1_000_003
}

/** How much has come together by `t_s` of what flows at `base` a second, give or take a wave. */
function flow(t_s: number, base: number, share: number): number {
  const turn_s = 300 + share * 900
  const wave = (base * 0.7 * turn_s) / (2 * Math.PI)
  return Math.max(0, base * t_s + wave * Math.sin((2 * Math.PI * t_s) / turn_s + share * 7))
}

function devices(t_s: number, share: number, disk: string, nic: string): Pick<InstanceSample, 'disks' | 'nics'> {
  const of = (base: number) => Math.round(flow(t_s, base * (0.3 + share), share))
  return {
    disks: [{ name: disk, read_bytes: of(4 * mib), write_bytes: of(9 * mib), read_ops: of(110), write_ops: of(260) }],
    nics: [
      {
        name: nic,
        receive_bytes: of(3 * mib),
        transmit_bytes: of(5 * mib),
        receive_packets: of(2500),
        transmit_packets: of(3900),
        drops: of(0.02),
      },
    ],
  }
}

export function simulatedSamples(
  name: string,
  clock: Clock,
  guests: Guests,
  size: { cpus: number; memory_mib: number },
): SampleSource {
  const began_ms = clock.now_ms() - 86_400_000
  const elapsed_s = () => (clock.now_ms() - began_ms) / 1000
  const guest = (id: string): InstanceSample => {
    const [t_s, share] = [elapsed_s(), shareOf(id)]
    const memory_size_bytes = gib
    const used = 0.3 + 0.4 * share + 0.1 * Math.sin(t_s / 200 + share * 9)
    return {
      id,
      cpus: 1,
      cpu_s: flow(t_s, 0.1 + 0.4 * share, share),
      memory_used_bytes: Math.round(memory_size_bytes * used),
      memory_size_bytes,
      ...devices(t_s, share, 'vda', 'nic0'),
    }
  }
  const host = (): HostSample => {
    const [t_s, share, count] = [elapsed_s(), shareOf(name), guests.running().length]
    const memory_size_bytes = size.memory_mib * mib
    // Not by its guests: counters must not jump when one comes or goes.
    const busy = 0.1 + 0.3 * share
    return {
      cpus: size.cpus,
      cpu_s: flow(t_s, size.cpus * busy, share),
      load1: Number((size.cpus * busy * (1 + 0.2 * Math.sin(t_s / 90))).toFixed(2)),
      memory_used_bytes: Math.min(memory_size_bytes, 2 * gib + Math.round(count * gib * 0.6)),
      memory_size_bytes,
      pools: [{ name: ownPool, used_bytes: (40 + 3 * count) * gib, size_bytes: 2000 * gib }],
      ...devices(t_s, share, 'nvme0n1', 'eth0'),
    }
  }
  return {
    host: () => Promise.resolve(host()),
    instances: () => Promise.resolve(guests.running().map(guest)),
    taken_ms: () => clock.now_ms() - began_ms,
  }
}
