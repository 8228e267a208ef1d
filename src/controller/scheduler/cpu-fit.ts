/**
 * Whether a host can give a guest the CPU that it has, by what it was asked about that or says of its own. What is not known refuses nobody:
 * libvirt does, there. Not its job: the CPU that a flavor names (filters/cpu-model.ts), and flags that a guest has seen (filters/cpu-flags.ts).
 */
import { createHash } from 'node:crypto'
import { hasFlag } from '../../model/cpu-flags.ts'
import type { CpuNames, HostSnapshot } from './snapshot.ts'

export interface CpuFit {
  /** False: its hypervisor has not the model. */
  readonly has_model: boolean
  /** What the host lacks of it, by libvirt's names. */
  readonly lacks: readonly string[]
}

const fits: CpuFit = { has_model: true, lacks: [] }

type Told = Pick<HostSnapshot, 'host_cpu' | 'cpu_models' | 'cpu_baseline' | 'cpu_flags' | 'cpu_known'>

/** Of one CPU, what was found out of each kind of host: there are as many as there are sorts of machines, and hosts of one share these objects. */
const known = new WeakMap<CpuNames, { told: Told; fit: CpuFit }[]>()
const kinds_max = 64

export function fitCpu(host: HostSnapshot, cpu: CpuNames): CpuFit {
  if (givesOwnCpu(host) || (!host.host_cpu && !host.cpu_models)) return fits
  const kinds = known.get(cpu) ?? []
  for (const { told, fit } of kinds) if (isOfKind(host, told)) return fit
  const { host_cpu, cpu_models, cpu_baseline, cpu_flags, cpu_known } = host
  const told = { host_cpu, cpu_models, cpu_baseline, cpu_flags, cpu_known }
  const fit = reckon(told, cpu)
  if (kinds.length < kinds_max) kinds.push({ told, fit })
  known.set(cpu, kinds)
  return fit
}

/** Guests there have the emulator's CPU, or (KVM on ARM) the host's, whatever was chosen for them beside their flavor. */
function givesOwnCpu({ virtualisation, arch }: HostSnapshot): boolean {
  return virtualisation === 'tcg' || arch === 'aarch64'
}

function isOfKind(host: HostSnapshot, told: Told): boolean {
  return (
    host.host_cpu === told.host_cpu &&
    host.cpu_models === told.cpu_models &&
    host.cpu_baseline === told.cpu_baseline &&
    host.cpu_flags === told.cpu_flags &&
    host.cpu_known === told.cpu_known
  )
}

/**
 * A host tells models that it can give whole: where the guest goes without something of one, the host may do so as well. What a model brings is known of
 * none by its name alone, so what is beyond it, or lacking, is compared where the host's CPU is of the same.
 */
function reckon({ host_cpu, cpu_models, cpu_baseline, cpu_flags, cpu_known }: Told, cpu: CpuNames): CpuFit {
  const key = cpuKey(cpu)
  // Of what its cluster gives now the host itself has said whether it has that (filters/cpu-baseline.ts).
  if (cpu_baseline && cpuKey(cpu_baseline) === key) return fits
  const said = cpu_known?.find(one => one.key === key)
  if (said) return said.fits ? fits : { has_model: said.missing.length > 0, lacks: said.missing }
  const has_model = cpu.disable.length > 0 || cpu_models?.includes(cpu.model) !== false
  if (!host_cpu) return { has_model, lacks: [] }
  const has_not = cpu.require.filter(name => host_cpu.disable.includes(name))
  if (host_cpu.model !== cpu.model) return { has_model, lacks: has_not }
  const beyond = cpu.require.filter(name => !host_cpu.require.includes(name) && !hasFlag(cpu_flags, name))
  const whole = host_cpu.disable.filter(name => !cpu.disable.includes(name))
  return { has_model, lacks: [...new Set([...has_not, ...beyond, ...whole])] }
}

/** The same for CPUs that are the same, and short. */
export function cpuKey({ model, require, disable }: CpuNames): string {
  const text = JSON.stringify([model, [...require].sort(), [...disable].sort()])
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
