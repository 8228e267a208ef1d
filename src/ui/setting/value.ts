/** A setting's value, as people read it. */
import { number } from '../parts/time.tsx'
import { words } from './text.ts'
import { typedOf } from './typed.ts'

export function textOf(value: unknown): string {
  if (typeof value === 'boolean') return words(value ? 'on' : 'off')
  if (typeof value === 'number') return number(value)
  if (Array.isArray(value)) return value.length === 0 ? words('list.none') : typedOf(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
