/** A simulated host's disk, where its agent keeps what it knows: what a write had not finished is not there. */
import type { Domain, State } from '../src/agent/agent.ts'

/** A copy of what a host has on its disk. */
export interface HostDisk {
  state: Map<string, Map<string, string>>
  domains: Map<string, Domain>
  /** Null: they are in a pool that it shares. */
  volumes: Map<string, string> | null
}

/** `disk`: its folders, with the text of each value. `pause`: takes the time that a disk takes, or never ends with the power. */
export function simulatedState(disk: Map<string, Map<string, string>>, pause: () => Promise<void>): State {
  return {
    folder: name => {
      const folder = disk.get(name) ?? new Map<string, string>()
      disk.set(name, folder)
      return {
        read: async () => new Map([...folder].map(([key, text]) => [key, JSON.parse(text) as unknown])),
        write: async changes => {
          await pause()
          for (const { name: key, value } of changes) {
            if (value === undefined) folder.delete(key)
            else folder.set(key, JSON.stringify(value))
          }
          await pause()
        },
      }
    },
  }
}

export function copyOf(disk: ReadonlyMap<string, ReadonlyMap<string, string>>): Map<string, Map<string, string>> {
  return new Map([...disk].map(([name, folder]) => [name, new Map(folder)]))
}

export function refill<V>(map: Map<string, V>, from: ReadonlyMap<string, V>): void {
  map.clear()
  for (const [key, value] of from) map.set(key, value)
}
