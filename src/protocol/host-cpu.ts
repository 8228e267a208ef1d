/**
 * A CPU as libvirt names it: a model, and what it has beyond that or lacks of it. Both ends make their XML of these words alone:
 * neither passes on XML that the other gave it. Short, so that two of them fit into a notice of the database.
 */
import Type, { type Static } from 'typebox'

/** As libvirt names them: 'avx2', 'sse4.2', 'lahf_lm', 'vmx-apicv-xapic'. */
const Feature = Type.String({ pattern: '^[a-z0-9][a-zA-Z0-9._-]{0,31}$' })
const features_max = 96

export const HostCpu = Type.Object({
  model: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
  vendor: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$' })),
  require: Type.Array(Feature, { maxItems: features_max }),
  disable: Type.Array(Feature, { maxItems: features_max }),
})
export type HostCpu = Static<typeof HostCpu>

/** What of it a guest is given beside the model. */
export const CpuFeatures = Type.Object({ require: HostCpu.properties.require, disable: HostCpu.properties.disable })
export type CpuFeatures = Static<typeof CpuFeatures>

/** Answer to 'cpu_compare': whether guests with such a CPU can run on the host, and what it lacks for that. */
export const CpuVerdict = Type.Object({
  fits: Type.Boolean(),
  missing: Type.Array(Feature, { maxItems: features_max }),
})
export type CpuVerdict = Static<typeof CpuVerdict>
