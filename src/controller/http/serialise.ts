/**
 * Bodies as JSON text. A value that is frozen is shared and never changes: its text is made once and kept as long as the
 * value is, so that a long list of what has not changed costs hardly more than its sending.
 */
const texts = new WeakMap<object, string>()

export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !Object.isFrozen(value)) return JSON.stringify(value)
  const known = texts.get(value)
  if (known !== undefined) return known
  const text = JSON.stringify(value)
  texts.set(value, text)
  return text
}

/** A body as JSON; a page's items one by one. */
export function serialise(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('items' in body) || !Array.isArray(body.items)) return textOf(body)
  const { items, ...rest } = body as { items: unknown[] }
  const others = JSON.stringify(rest).slice(1)
  return `{"items":[${items.map(textOf).join(',')}]${others === '}' ? '' : ','}${others}`
}
