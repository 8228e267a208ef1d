/**
 * Which instances a controller has named in this life of the agent, and whether that is all that is on disk. Only keeps count; that a guest waits is
 * the reconcilers' part. Two have to wait: an agent whose disk may be of other times (docs/design/0017-hardware.md), and, after each boot of the
 * machine, one whose disks other hosts reach: what it ran may run on one of them by now (docs/design/0011-availability.md).
 */
export interface NamingOptions {
  /** What is on disk may be of other times: nothing of it is started unnamed. */
  readonly waits: boolean
  /** Other hosts reach the disks: what has not run in this boot yet is not started unnamed. */
  readonly shared: boolean
  /** What is on disk. */
  readonly instances: ReadonlyMap<string, unknown>
  /** Called once, when nothing on disk waits any more; again with the next frame if it fails. */
  readonly allNamed?: () => Promise<void>
}

export interface Naming {
  /** Why it may not be started yet; null: it may. `ran_in_boot`: it ran here since the machine started. */
  whyNot(id: string, ran_in_boot: boolean): string | null
  /** Named in a frame and not refused; gives those that were not before. */
  heard(confirmed: readonly string[], whole: boolean): string[]
  /** To be called once a frame is acted upon. */
  settle(): Promise<void>
}

const unnamed = 'waiting for a controller to say that it belongs here'

export function createNaming({ waits, shared, instances, allNamed }: NamingOptions): Naming {
  const named = new Set<string>()
  let has_whole = false
  let is_over = !waits
  return {
    whyNot(id, ran_in_boot) {
      if (named.has(id)) return null
      return !is_over || (shared && !ran_in_boot) ? unnamed : null
    },
    heard(confirmed, whole) {
      if (is_over && !shared) return []
      has_whole ||= whole
      const fresh = confirmed.filter(id => !named.has(id))
      for (const id of fresh) named.add(id)
      return fresh
    },
    async settle() {
      if (is_over || !has_whole) return
      for (const id of instances.keys()) if (!named.has(id)) return
      await allNamed?.()
      is_over = true
    },
  }
}
