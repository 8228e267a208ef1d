/**
 * The CPU that an instance has: what its flavor names; else what the setting names, or what the hosts of the cluster that it was placed in have in
 * common. It keeps that wherever it goes, so that is what a place is looked for with. Not its job: what hosts have in common (cpu-baseline.ts).
 */
import { CloudError } from '../../model/errors.ts'
import { hasFlag } from '../../model/cpu-flags.ts'
import { type Hardware, isHostsOwn } from '../../model/hardware.ts'
import type { CpuFeatures } from '../../protocol/host-cpu.ts'
import type { Cloud } from '../cloud.ts'
import type { CpuNames } from '../scheduler/snapshot.ts'
import type { Db } from '../store/database.ts'
import { hostHardware } from '../store/host-hardware.ts'

/** As its row has it. */
export interface KeptCpu {
  cpu_model: string
  /** CpuFeatures of a CPU that its cluster gave it; null: the setting did, or nobody. */
  cpu_features: unknown
  hardware?: unknown
}

type GivenCpu = { cpu_model: string; cpu_features: CpuFeatures | null }

/** Of a new one: unless the setting says otherwise, what its cluster gives, so that it can move between its hosts. */
export function newCpu(cloud: Pick<Cloud, 'settings'>, project_id: string, baseline: CpuNames | null): GivenCpu {
  const cpu_model = cloud.settings.at('instance.cpu_model', { project_id })
  return cpu_model === 'default' ? cpuOfCluster(baseline) : { cpu_model, cpu_features: null }
}

/** What the cluster gives; without a baseline, as each host chooses. */
export function cpuOfCluster(baseline: CpuNames | null): GivenCpu {
  if (!baseline) return { cpu_model: 'default', cpu_features: null }
  const { model, require, disable } = baseline
  return { cpu_model: model, cpu_features: { require, disable } as CpuFeatures }
}

/** Whether it has what its cluster gives: then one that has never run can have another's. */
export function isOfCluster({ cpu_model, cpu_features }: KeptCpu): boolean {
  return cpu_features !== null || cpu_model === 'default'
}

/** What a new instance asks of hosts before it is known which cluster gives it its CPU; null: nothing, or its flavor does. */
export function askedOfNew(
  { settings }: Pick<Cloud, 'settings'>,
  project_id: string,
  hardware: Hardware | null,
): CpuNames | null {
  return asked({ cpu_model: settings.at('instance.cpu_model', { project_id }), cpu_features: null, hardware })
}

/** What it asks of the host that it goes to; null: nothing beside what its flavor asks for. */
export function asked({ cpu_model, cpu_features, hardware }: KeptCpu): CpuNames | null {
  if (namedByFlavor({ hardware }) !== null || isHostsOwn(cpu_model)) return null
  const { require = [], disable = [] } = (cpu_features ?? {}) as Partial<CpuFeatures>
  const forbidden = (hardware as Hardware | null)?.flags_forbidden ?? []
  if (forbidden.length === 0) return { model: cpu_model, require, disable }
  // What its flavor names goes before them, as it does in the guest's machine.
  return {
    model: cpu_model,
    require: require.filter(name => !hasFlag(forbidden, name)),
    disable: [...disable, ...forbidden],
  }
}

const namedByFlavor = ({ hardware }: Pick<KeptCpu, 'hardware'>) => (hardware as Hardware | null)?.cpu_model ?? null

/** Whether its guest sees what its host's CPU has, and not a model of a known make. */
export function seesItsHost(kept: KeptCpu): boolean {
  return isHostsOwn(namedByFlavor(kept) ?? kept.cpu_model)
}

/** For the setting. Throws invalid when hosts have told which models they have, and none has this one: nothing would find a place. */
export async function mustBeOffered(db: Db, cpu_model: string): Promise<void> {
  if (isHostsOwn(cpu_model)) return
  const { told, offered } = await hostHardware.offers(db, cpu_model)
  if (told === 0 || offered) return
  throw new CloudError(
    'invalid',
    `No host can give guests a CPU of model ${cpu_model}, so no new instance would find a place. Name a model that hosts have ` +
      `(croft host hardware NAME lists them), host-model, host-passthrough or default.`,
    { cpu_model },
  )
}
