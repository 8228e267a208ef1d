/**
 * When something will be full, by a straight line through its history (least squares). Pure. Says nothing where a line would be a
 * guess: too little history, no growth, or points that do not lie near any line.
 */

export interface ForecastPoint {
  at_ms: number
  used: number
}

export type Forecast =
  /** `days` from the last point on, by the line; `fit` is its R², 0 to 1. */
  | { kind: 'full_in'; days: number; per_day: number; fit: number; history_days: number }
  | { kind: 'full' }
  /** It shrinks, stays, or would take longer than ten times what is known of the past, and than a year. */
  | { kind: 'not_soon'; per_day: number; history_days: number }
  /** Less than a day of history, or a handful of points. */
  | { kind: 'too_little'; history_days: number }
  /** It moves up and down: a line says nothing. */
  | { kind: 'unsteady'; per_day: number; fit: number; history_days: number }

const day_ms = 86_400_000
const points_min = 12
const history_days_min = 1
const fit_min = 0.3

/** `limit` is what there is now. Points in any order; those that are no numbers are left out. */
export function forecast(points: readonly ForecastPoint[], limit: number): Forecast {
  const known = points.filter(one => Number.isFinite(one.used)).toSorted((a, b) => a.at_ms - b.at_ms)
  const [first, last] = [known[0], known.at(-1)]
  if (!first || !last) return { kind: 'too_little', history_days: 0 }
  if (limit > 0 && last.used >= limit) return { kind: 'full' }
  const history_days = (last.at_ms - first.at_ms) / day_ms
  if (known.length < points_min || history_days < history_days_min) return { kind: 'too_little', history_days }
  const { slope, fit } = line(known.map(one => [(one.at_ms - first.at_ms) / day_ms, one.used]))
  const days = (limit - last.used) / slope
  if (!(slope > 0) || days > Math.max(365, history_days * 10)) return { kind: 'not_soon', per_day: slope, history_days }
  if (fit < fit_min) return { kind: 'unsteady', per_day: slope, fit, history_days }
  return { kind: 'full_in', days, per_day: slope, fit, history_days }
}

/** Least squares: the line's slope, and R² (1 for points all of one height, which lie on a line). */
export function line(points: readonly (readonly [x: number, y: number])[]): { slope: number; fit: number } {
  const n = points.length
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / n
  const [mx, my] = [mean(0), mean(1)]
  let [xx, xy, yy] = [0, 0, 0]
  for (const [x, y] of points) {
    xx += (x - mx) ** 2
    xy += (x - mx) * (y - my)
    yy += (y - my) ** 2
  }
  if (xx === 0) return { slope: 0, fit: 0 }
  return { slope: xy / xx, fit: yy === 0 ? 1 : xy ** 2 / (xx * yy) }
}
