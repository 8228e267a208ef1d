/**
 * Properties of flavors as OpenStack has them (Nova's "extra specs"). Nobody reads them here, and who brings them along would get less than was asked for
 * without a word: a flavor with one is refused, in words that say what does it. None is taken for another silently, as values differ, too. Pure.
 */

/** By namespace, as Nova's documentation lists them; keys of other systems, and one's own, are nobody's business. */
const namespaces =
  /^(?:hw|hw_rng|hw_video|quota|os|capabilities|accel|aggregate_instance_extra_specs|pci_passthrough|resources\w*|trait\w*):/

const instead: readonly (readonly [RegExp, string])[] = [
  [/^hw:cpu_policy$/, 'cpu.policy'],
  [/^hw:cpu_thread_policy$/, 'cpu.threads'],
  [/^hw:cpu_(?:max_)?(?:sockets|cores|threads)$/, 'cpu.topology'],
  [/^hw:mem_page_size$/, 'memory.page_size'],
  [/^hw:numa_nodes$/, 'numa.nodes'],
  [/^hw:numa_cpus\.\d+$/, 'numa.N.cpus'],
  [/^hw:numa_mem\.\d+$/, 'numa.N.memory_mib'],
  [/^hw:pci_numa_affinity_policy$/, 'pci.numa'],
  [/^pci_passthrough:alias$/, 'pci'],
  [/^hw:firmware_type$/, 'firmware'],
  [/^os:secure_boot$/, 'secure_boot'],
  [/^hw:tpm_(?:version|model)$/, 'tpm'],
  [/^trait\w*:/, 'cpu.flags.required, label:KEY or aggregate:KEY'],
  [/^(?:aggregate_instance_extra_specs|capabilities):/, 'aggregate:KEY or label:KEY'],
]

/** Of the first of these keys that is such a one: a sentence. Null: there is none. */
export function foreignProperty(keys: readonly string[]): string | null {
  const key = keys.find(one => namespaces.test(one))
  if (key === undefined) return null
  if (key === 'hw:watchdog_action')
    return `Nothing here reads the property ${key}: what a watchdog does is said of each instance (croft instance create --watchdog-action).`
  const [, own] = instead.find(([pattern]) => pattern.test(key)) ?? []
  return own === undefined
    ? `Nothing here reads the property ${key}, nor has it another name. Leave it out; docs/hardware.md has those that there are.`
    : `Nothing here reads the property ${key}. What does it here is ${own}, with values of its own: docs/hardware.md.`
}
