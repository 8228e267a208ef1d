/**
 * Removes volumes that no instance has, when a controller says so, and says when nothing is left of them. Keeps no memory on
 * disk: the controller names them anew on each connect until it has heard that they are gone. Disks of instances are
 * instance.ts's.
 */
import type { Clock } from '../../lib/clock.ts'
import type { AgentFrame } from '../../protocol/messages.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Log, Storage } from '../ports.ts'
import { createWorker } from './worker.ts'

const retryFirst_ms = 1000
const retryMax_ms = 60_000

export interface VolumeRemoval {
  remove(volume_ids: readonly string[]): void
  stop(): Promise<void>
}

export function createVolumeRemoval(options: {
  storage: Storage
  instances: ReadonlyMap<string, WantedInstance>
  send: (frame: AgentFrame) => void
  clock: Clock
  log: Log
}): VolumeRemoval {
  const { storage, clock, log } = options
  const tries = new Map<string, number>()
  const worker = createWorker(clock, async id => {
    try {
      refuseUsed(id, options.instances.values())
      await storage.remove([{ volume_id: id, role: 'data' }])
      tries.delete(id)
      options.send({ type: 'volumes_gone', ids: [id] })
    } catch (error) {
      const count = (tries.get(id) ?? 0) + 1
      tries.set(id, count)
      const wait_ms = Math.min(retryMax_ms, retryFirst_ms * 2 ** Math.min(count - 1, 20))
      log.error({ volume: id, error, wait_ms }, 'a volume cannot be removed; trying again')
      worker.wakeAfter(id, wait_ms)
    }
  })
  return {
    remove(volume_ids) {
      for (const id of volume_ids) worker.wake(id)
    },
    stop: worker.stop,
  }
}

/** A controller that is right never asks for it; one whose database is older than this host might. */
function refuseUsed(id: string, instances: Iterable<WantedInstance>): void {
  for (const instance of instances) {
    if (instance.power === 'purged' || !instance.disks.some(disk => disk.volume_id === id)) continue
    throw new Error(`it is a disk of the instance ${instance.id}, which is wanted here`)
  }
}
