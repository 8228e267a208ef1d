/**
 * Of an agent whose disk may be of other times: which instances a controller has named in this life of it, and whether that is all of them.
 * Only keeps count; that a guest waits is the reconcilers' part, and why it may have to docs/design/0017-hardware.md's.
 */
export interface NamingOptions {
  /** False: nothing waits. */
  readonly waits: boolean
  /** What is on disk. */
  readonly instances: ReadonlyMap<string, unknown>
  /** Called once, when nothing on disk waits any more; again with the next frame if it fails. */
  readonly allNamed?: () => Promise<void>
}

export interface Naming {
  /** Why it may not be started yet; null: it may. */
  whyNot(id: string): string | null
  /** Named in a frame and not refused; gives those that were not before. */
  heard(confirmed: readonly string[], whole: boolean): string[]
  /** To be called once a frame is acted upon. */
  settle(): Promise<void>
}

const unnamed = 'waiting for a controller to say that it belongs here'

export function createNaming({ waits, instances, allNamed }: NamingOptions): Naming {
  const named = new Set<string>()
  let has_whole = false
  let is_over = !waits
  return {
    whyNot: id => (is_over || named.has(id) ? null : unnamed),
    heard(confirmed, whole) {
      if (is_over) return []
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
