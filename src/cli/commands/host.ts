/** What is hand-made about hosts: `croft host join`, run on the machine that is to be one. */
import type { Command } from 'commander'
import { addCommonOptions } from '../build-command.ts'
import type { Comfort, Shop } from '../shop.ts'
import { registerMaintenance } from './host-maintenance.ts'
import { type PlaceOptions, placeOptions } from './machine.ts'

interface JoinOptions extends PlaceOptions {
  name?: string
  clusterAddress?: string
  tunnelNic?: string
}

export const comfort: Comfort = {
  extend(noun, shop) {
    registerJoin(noun, shop)
    registerMaintenance(noun, shop)
  },
}

function registerJoin(noun: Command, shop: Shop): void {
  const command = noun
    .command('join <controller-url> <join-token>')
    .summary('Make this machine a host of a cloud; run here, as root')
    .description(
      'Make this machine a host of a cloud: install what a host needs, join with a token of `croft host invite`, start the agent. Harmless to run again.',
    )
    .option('--name <name>', 'what to call it (default: its hostname)')
    .option('--cluster-address <address>', 'of this machine on the network between hosts')
    .option('--tunnel-nic <name>', 'the NIC between hosts: needed where the kernel has no Open vSwitch module')
  placeOptions(command)
  addCommonOptions(command).action(async (url: string, token: string, options: JoinOptions) => {
    const { joinThisMachine } = await import('./host-join.ts')
    await joinThisMachine(shop.contextOf(command), url, token, options)
  })
}
