/** What has parts of its own in one line: key=value pairs, lists, things inside things. Pure. Not its job: units and ages (format.ts). */
import { ranges } from '../model/ranges.ts'

/** An object in one line: key=value key=value. */
export function pairs(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${quoted(key, /=/)}=${part(value)}`)
    .join(' ')
}

/** As it is where one sees where it ends, else in quotation marks, as JSON has it. `more`: what makes it unclear besides. */
export function quoted(given: string, more?: RegExp): string {
  const text = oneLine(given)
  return text === '' || /[\s"()]/.test(text) || more?.test(text) === true ? JSON.stringify(text) : text
}

/** In parentheses what has parts of its own, so that one sees where it ends. */
function part(value: unknown): string {
  if (Array.isArray(value))
    return listed(
      value.map(each => (isScalar(each) ? each : part(each))),
      ',',
    )
  if (typeof value === 'string') return quoted(value)
  return isScalar(value) ? String(value) : `(${pairs(value as Record<string, unknown>)})`
}

export const isScalar = (value: unknown) => typeof value !== 'object' || value === null

/** Numbers that go up, as of CPUs, by where they begin and end. */
export function listed(values: readonly unknown[], between: string): string {
  const numbers = values.filter(one => Number.isInteger(one)) as number[]
  const rise = numbers.every((one, at) => at === 0 || one > (numbers[at - 1] ?? 0))
  if (numbers.length > 2 && numbers.length === values.length && rise) return ranges(numbers).replaceAll(', ', between)
  return values.map(item).join(between)
}

export const oneLine = (text: string) => text.replaceAll(/\s*\n\s*/g, ' ')

/** A thing inside a thing, by what people know it by: an address with its floating one, a name, else its fields. */
export function item(value: unknown): string {
  if (typeof value !== 'object' || value === null) return oneLine(String(value))
  if (Array.isArray(value)) return `(${listed(value, ', ')})`
  const fields = value as Record<string, unknown>
  const { address, floating_address, name, instance, reason } = fields
  if (typeof address === 'string')
    return typeof floating_address === 'string' ? `${address} (${floating_address})` : address
  if (typeof name === 'string') return name
  // What is in the way of a maintenance, and the like: about whom, and why.
  if (typeof instance === 'string' && typeof reason === 'string') return oneLine(`${instance}: ${reason}`)
  const parts = Object.entries(fields).filter(([key, each]) => key !== 'id' && each !== null && each !== '')
  return pairs(Object.fromEntries(parts))
}
