/** Enough free PCI devices of every alias that is asked for. Whether they are near enough is for `numa`. */
import { pickDevices } from '../device-pick.ts'
import type { Filter } from '../filter.ts'

export const pci: Filter = {
  fault: 'too few PCI devices are free',
  remedy: 'choose a flavor with fewer devices, or free some',
  remedy_elsewhere: 'free some devices there',
  applies: ({ hardware }) => (hardware?.pci.length ?? 0) > 0,
  refuses: (_, { hardware }, asked) => !hardware || pickDevices(hardware, asked.hardware?.pci ?? [], null) === null,
  why: (_, __, asked) => {
    const names = asked.hardware?.pci.map(({ alias, count }) => (count === 1 ? alias : `${count} ${alias}`)) ?? []
    return `has not ${names.join(', ')} free`
  },
}
