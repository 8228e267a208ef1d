/**
 * Gives a guest that runs more vCPUs and memory (DIMMs, see model/growth.ts), and has its guest agent, if there is one, take them into use:
 * not every system does so by itself. Never takes anything away.
 */
import { affect, type Libvirt, vcpuFlag } from '../../../lib/libvirt/index.ts'
import { dimmCount, dimmMib } from '../../../model/growth.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import { Failure, type Log } from '../../ports.ts'
import { agentConnected } from './guest-agent.ts'
import { dimmElement, growthOf } from './hardware-xml.ts'
import { renderXml } from './xml.ts'
import { vcpusText } from '../../../model/words.ts'

const agent_ms = 5_000
/** A guest may claim any number. */
const blocksMax = 4096

export async function growGuest(libvirt: Libvirt, instance: WantedInstance, log: Log): Promise<void> {
  const domain = { uuid: instance.id }
  const xml = await libvirt.domains.xml(domain)
  const dimms = await plugMemory(libvirt, instance, xml)
  const has = Number(/<vcpu [^>]*current='(\d+)'/.exec(xml)?.[1] ?? /<vcpu[^>]*>(\d+)</.exec(xml)?.[1] ?? 0)
  const most = Number(/<vcpu[^>]*>(\d+)</.exec(xml)?.[1] ?? 0)
  if (instance.vcpus > most) {
    throw new Failure(
      `The guest was started with room for ${vcpusText(most)}, and ${instance.vcpus} are wanted. It has them once it is stopped and started.`,
    )
  }
  if (instance.vcpus > has) await libvirt.devices.setVcpus(domain, instance.vcpus, vcpuFlag.live)
  if (agentConnected(xml)) await takeIntoUse(libvirt, instance, { dimms, vcpus: instance.vcpus > has }, log)
}

/** How many DIMMs were plugged in. */
async function plugMemory(libvirt: Libvirt, instance: WantedInstance, xml: string): Promise<number> {
  const growth = growthOf(instance)
  if (growth === null) return 0
  const { base_mib, max_mib } = growth
  const wanted = dimmCount(instance.memory_mib, base_mib, max_mib) ?? 0
  const missing = wanted - (xml.match(/<memory model='dimm'/g) ?? []).length
  if (missing > 0 && !xml.includes('<maxMemory ')) {
    throw new Failure(
      'The guest was started without room for more memory. It has what is wanted once it is stopped and started.',
    )
  }
  const dimm = renderXml(dimmElement(dimmMib(base_mib, max_mib)))
  for (let n = 0; n < missing; n++) await libvirt.devices.attach({ uuid: instance.id }, dimm, affect.live)
  return Math.max(0, missing)
}

/** A guest that does not follow has it nevertheless, and may take it into use by other means. */
async function takeIntoUse(
  libvirt: Libvirt,
  { id, vcpus }: WantedInstance,
  more: { dimms: number; vcpus: boolean },
  log: Log,
): Promise<void> {
  const domain = { uuid: id }
  try {
    await libvirt.guest.setAgentTimeout(domain, agent_ms)
    if (more.vcpus) await libvirt.devices.setVcpus(domain, vcpus, vcpuFlag.live | vcpuFlag.guest)
    if (more.dimms === 0) return
    const options = { timeout_ms: agent_ms }
    const blocks = offlineBlocks(
      await libvirt.guest.agentCommand(domain, 'guest-get-memory-blocks', undefined, options),
    )
    if (blocks.length === 0) return
    const online = { 'mem-blks': blocks.map(index => ({ 'phys-index': index, online: true })) }
    await libvirt.guest.agentCommand(domain, 'guest-set-memory-blocks', online, options)
  } catch (error) {
    log.warn({ instance: id, error }, 'the guest agent did not take new vCPUs or memory into use')
  }
}

/** Numbers of memory blocks that the guest has and does not use; what it says is hostile input. */
export function offlineBlocks(said: unknown): number[] {
  if (!Array.isArray(said)) return []
  return said.slice(0, blocksMax).flatMap((block: unknown) => {
    if (block === null || typeof block !== 'object' || !('phys-index' in block) || !('online' in block)) return []
    const index = block['phys-index']
    return block.online === false && Number.isSafeInteger(index) && typeof index === 'number' && index >= 0
      ? [index]
      : []
  })
}
