/** A simulated host's storage: disks are names in a map, which hosts may share as they share a pool. */
import type { PreparedDisk, Storage } from '../src/agent/agent.ts'
import { Failure } from '../src/agent/ports.ts'
import type { HostOptions, SimulatedHost } from './host.ts'

/** `pause`: takes the time that storage takes, or never ends with the agent. */
export function simulatedStorage(
  host: SimulatedHost,
  pause: () => Promise<void>,
  onRemoved: HostOptions['onRemoved'],
): Storage {
  const { volumes, missing } = host
  const { is_pool } = host
  return {
    prepare: async (instance, _show, _signal, made = []) => {
      const disks: PreparedDisk[] = []
      for (const wanted of instance.disks) {
        await pause()
        const there = volumes.has(wanted.volume_id)
        if (!there && made.includes(wanted.volume_id)) {
          missing.add(wanted.volume_id)
          throw new Failure(`the disk ${wanted.volume_id} was here and is lost`)
        }
        volumes.set(wanted.volume_id, instance.id)
        disks.push({ wanted, path: `/disks/${wanted.volume_id}`, format: 'qcow2', direct_io: true })
      }
      return disks
    },
    remove: async disks => {
      for (const { volume_id } of disks) {
        await pause()
        const owner = volumes.get(volume_id)
        if (owner !== undefined) onRemoved?.(host, owner, volume_id)
        volumes.delete(volume_id)
      }
    },
    isShared: async () => is_pool,
    present: async ids => {
      await pause()
      return ids.filter(id => volumes.has(id))
    },
  }
}
