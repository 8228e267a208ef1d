/** Measured values as people read them. */
import type { MetricUnit } from '../../model/metrics.ts'
import { number, size } from '../parts/time.tsx'

export function valueText(unit: MetricUnit, value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–'
  switch (unit) {
    case 'percent':
      return `${number(value, value < 10 ? 1 : 0)} %`
    case 'bytes':
      return size(value)
    case 'bytes_per_s':
      return `${size(value)}/s`
    case 'per_s':
      return `${number(value, value < 10 ? 1 : 0)}/s`
    case 'load':
      return number(value, 2)
    case 'count':
      return number(value)
    default:
      return unit satisfies never
  }
}
