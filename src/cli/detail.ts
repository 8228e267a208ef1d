/** What an event tells beside what it is of (model/detail.ts), in one line. Pure. */
import { type DetailPart, detailParts, type Fields, isFields } from '../model/detail.ts'
import { pairs, quoted } from './pairs.ts'

/** "name=rack-1", "schedulable: yes → no", "back_from: cause=silent since=2026-01-09T22:30:00Z"; empty of nothing. */
export function detailText(detail: Fields): string {
  const parts = detailParts(detail)
  const nested = parts.some(part => 'from' in part || isFields(part.value))
  return parts.map(textOf).join(nested ? '; ' : ' ')
}

function textOf(part: DetailPart): string {
  if ('from' in part) return `${part.name}: ${sideOf(part.from)} → ${sideOf(part.to)}`
  const { name, value } = part
  return isFields(value) ? `${name}: ${pairs(value)}` : pairs({ [name]: value ?? 'none' })
}

function sideOf(value: unknown): string {
  if (value === null) return 'none'
  if (Array.isArray(value)) return value.map(sideOf).join(', ')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (isFields(value)) return pairs(value)
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value)
}
