/** What flavors and images ask of hardware, as errors for people. */
import { CloudError } from '../../model/errors.ts'
import { foreignProperty } from '../../model/foreign-properties.ts'
import type { Hardware } from '../../model/hardware.ts'
import { BadHardware, mergedProperties, readHardware } from '../../model/hardware-properties.ts'
import type { Db } from '../store/database.ts'
import { pciAlias } from '../store/pci-alias.ts'

interface Size {
  name: string
  vcpus: number
  memory_mib: number
  properties: Record<string, string>
}

/** Of a flavor that is made. Throws invalid: what cannot be is refused before anybody tries it. */
export async function checkHardware(db: Db, size: Size): Promise<void> {
  const foreign = foreignProperty(Object.keys(size.properties))
  if (foreign !== null) throw new CloudError('invalid', foreign)
  const hardware = inWords(`The flavor ${size.name}`, () => readHardware(size.properties, size))
  if (hardware) await checkAliases(db, hardware)
}

/** What an instance of this flavor and image asks for; null: nothing special. Throws invalid. */
export async function hardwareOf(
  db: Db,
  size: Size,
  boot: { image_name: string; properties: Record<string, string> },
): Promise<Hardware | null> {
  const what = `The flavor ${size.name} with ${boot.image_name === '' ? 'nothing' : boot.image_name}`
  const hardware = inWords(what, () => readHardware(mergedProperties(size.properties, boot.properties), size))
  if (hardware) await checkAliases(db, hardware)
  return hardware
}

async function checkAliases(db: Db, { pci }: Hardware): Promise<void> {
  if (pci.length === 0) return
  const known = await pciAlias.known(
    db,
    pci.map(one => one.alias),
  )
  const missing = pci.find(one => !known.includes(one.alias))
  if (!missing) return
  throw new CloudError(
    'invalid',
    `There is no PCI alias ${missing.alias}. Make it first, with the devices that it stands for: croft pci-alias create ${missing.alias} --vendor … --device ….`,
  )
}

function inWords<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadHardware) throw new CloudError('invalid', `${what} cannot be: ${error.message}`)
    throw error
  }
}
