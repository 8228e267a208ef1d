/** libvirt's sentences are good; its machinery at the end is for the log. */
export function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/ \(libvirt \w+, error [^)]*\)+$/, '').slice(0, 1500)
}
