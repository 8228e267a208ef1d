/** A setting's value as it stands in a field, and read from there. */

/** As it stands in a field; a list is its parts with commas between. */
export function typedOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(', ')
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value)
}

/** What was typed for a setting of this type of JSON Schema. Whether it takes that is the controller's to say. */
export function readTyped(type: string | undefined, typed: string): unknown {
  if (type === 'integer' || type === 'number') return Number(typed)
  if (type === 'array') return typed.split(/[\s,]+/).filter(part => part !== '')
  return typed
}
