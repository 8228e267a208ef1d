/** Network cards that a guest may be given: one table for API, protocol and domain XML. All are QEMU's, on any PCI machine. */
export const nicModels = ['virtio', 'e1000', 'e1000e', 'rtl8139'] as const
export type NicModel = (typeof nicModels)[number]

const known: ReadonlySet<string> = new Set(nicModels)

/** What the image asks for; virtio when it asks for nothing that is known. */
export function nicModelOf(properties: { readonly nic_model?: string | undefined }): NicModel {
  const { nic_model } = properties
  return nic_model !== undefined && isNicModel(nic_model) ? nic_model : 'virtio'
}

function isNicModel(word: string): word is NicModel {
  return known.has(word)
}
