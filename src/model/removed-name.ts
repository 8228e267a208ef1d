/** What a thing is called once it was removed and its row is kept, so that its name becomes free: what it was called, and which one it was. */

/** What is put behind its name, and whatever else of it must be free. */
export function removedSuffix(id: string): string {
  return ` (removed ${id})`
}

const form = /^(.*) \(removed [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\)$/s

/** What it was called before; null: it was not removed. */
export function nameBefore(name: string): string | null {
  return form.exec(name)?.[1] ?? null
}
