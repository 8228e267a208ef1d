/** Enough free PCI devices of every alias that is asked for. Whether they are near enough is for `numa`. */
import { pickDevices } from '../device-pick.ts'
import type { Filter } from '../filter.ts'

export const pci: Filter = {
  fault: 'too few PCI devices are free',
  remedy: 'choose a flavor with fewer devices, or free some',
  remedy_elsewhere: 'free some devices there',
  applies: ({ hardware }) => (hardware?.pci.length ?? 0) > 0,
  refuses: (_, { hardware }, asked) => !hardware || pickDevices(hardware, asked.hardware?.pci ?? [], null) === null,
  why: (_, { hardware }, asked) => {
    const pci = asked.hardware?.pci ?? []
    const names = pci.map(({ alias, count }) => (count === 1 ? alias : `${count} ${alias}`))
    const whole = pci.filter(({ alias }) => hardware?.whole_cards?.includes(alias)).map(({ alias }) => alias)
    const why =
      whole.length > 0
        ? `: ${whole.join(', ')} is for ports’ NICs, which are virtual functions (SR-IOV), and matches whole devices there`
        : ''
    return `has not ${names.join(', ')} free${why}`
  },
}
