/** Which file an upload was begun with, kept in this browser: what is chosen after a reload is held against it. Never its content. */

export interface FileMark {
  name: string
  size_bytes: number
  modified_ms: number
}

const key = 'croft.uploads'
/** The oldest are forgotten: some are never finished. */
const kept_max = 50

type Marks = Readonly<Record<string, FileMark>>

function read(): Marks {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? '{}') as Marks | null) ?? {}
  } catch {
    // Something else wrote there, or storage is forbidden: nothing is known.
    return {}
  }
}

function write(marks: readonly (readonly [string, FileMark])[]): void {
  try {
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(marks.slice(-kept_max))))
  } catch {
    // Storage is forbidden or full: then it is not known after a reload.
  }
}

export const markOf = ({ name, size, lastModified }: File): FileMark => ({
  name,
  size_bytes: size,
  modified_ms: lastModified,
})

export function rememberedFile(image_id: string): FileMark | undefined {
  return read()[image_id]
}

export function rememberFile(image_id: string, file: File): void {
  write([...without(image_id), [image_id, markOf(file)]])
}

export function forgetFile(image_id: string): void {
  write(without(image_id))
}

const without = (image_id: string) => Object.entries(read()).filter(([id]) => id !== image_id)

export function isSameFile(one: FileMark, other: FileMark): boolean {
  return one.name === other.name && one.size_bytes === other.size_bytes && one.modified_ms === other.modified_ms
}
