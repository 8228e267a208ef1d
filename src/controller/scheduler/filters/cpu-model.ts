/** Only hosts whose hypervisor can give guests the CPU model that the flavor names. What makes its own choice runs everywhere. */
import type { Filter } from '../filter.ts'
import type { PlacementAsked } from '../snapshot.ts'

const everywhere: ReadonlySet<string> = new Set(['default', 'host-model', 'host-passthrough'])

function modelOf({ hardware }: PlacementAsked): string | null {
  const model = hardware?.cpu_model ?? null
  return model === null || everywhere.has(model) ? null : model
}

export const cpuModel: Filter = {
  fault: 'another CPU model',
  remedy: 'choose a flavor with another CPU model',
  remedy_elsewhere: 'add a host with its CPU model',
  applies: asked => modelOf(asked) !== null,
  // One that does not say which it has is given the benefit of the doubt: libvirt refuses there.
  refuses: (host, _, asked) =>
    asked.around?.hardware?.get(host.id)?.cpu_models?.includes(modelOf(asked) ?? '') === false,
  why: (_, __, asked) => `cannot give guests a CPU of model ${modelOf(asked)}`,
}
