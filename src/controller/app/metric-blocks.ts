/**
 * Stretches of measured points: put together to a coarser distance, for history and for graphs alike. Pure. A mean is of all that
 * was measured, weighted by the time that each point stands for; a peak is the greatest.
 */
import type { SeriesKey } from '../../model/metrics.ts'

export interface Block {
  /** Of the first point. */
  at_ms: number
  step_s: number
  series: readonly SeriesKey[]
  /** Point after point, each with all series; NaN where nothing was measured. */
  mean: Float32Array
  /** Without it each point is its own peak. */
  peak: Float32Array | null
}

export interface Grid {
  from_ms: number
  step_s: number
  points: number
}

export interface Line {
  mean: Float64Array
  peak: Float64Array
}

/** Under which names a series counts: itself by standard; a graph of the whole adds up its devices. */
export type NamesOf = (key: SeriesKey) => readonly SeriesKey[]

const itself: NamesOf = key => [key]

/** Lines over the grid, by name; NaN where nothing was measured. What lies outside the grid is left out. */
export function putTogether(blocks: readonly Block[], grid: Grid, namesOf: NamesOf = itself): Map<SeriesKey, Line> {
  const lines = new Map<SeriesKey, Line>()
  const weights = new Map<SeriesKey, Float64Array>()
  for (const block of blocks) {
    for (const [name, places] of placesOf(block.series, namesOf)) {
      const line = lines.get(name) ?? emptyLine(grid.points)
      const weight = weights.get(name) ?? new Float64Array(grid.points)
      lines.set(name, line)
      weights.set(name, weight)
      addBlock(block, grid, places, line, weight)
    }
  }
  for (const [name, line] of lines) {
    const weight = weights.get(name)
    for (let n = 0; n < grid.points; n++) line.mean[n] = (line.mean[n] ?? 0) / (weight?.[n] ?? 0)
  }
  return lines
}

function emptyLine(points: number): Line {
  return { mean: new Float64Array(points), peak: new Float64Array(points).fill(Number.NaN) }
}

function placesOf(series: readonly SeriesKey[], namesOf: NamesOf): Map<SeriesKey, number[]> {
  const places = new Map<SeriesKey, number[]>()
  for (const [at, key] of series.entries()) {
    for (const name of namesOf(key)) places.set(name, [...(places.get(name) ?? []), at])
  }
  return places
}

function addBlock(block: Block, grid: Grid, places: readonly number[], line: Line, weight: Float64Array): void {
  const width = block.series.length
  const points = width === 0 ? 0 : Math.floor(block.mean.length / width)
  for (let point = 0; point < points; point++) {
    const at_ms = block.at_ms + point * block.step_s * 1000
    const n = Math.floor((at_ms - grid.from_ms) / (grid.step_s * 1000))
    if (n < 0 || n >= grid.points) continue
    const mean = sumOf(block.mean, point * width, places)
    if (Number.isNaN(mean)) continue
    const peak = block.peak === null ? mean : sumOf(block.peak, point * width, places)
    line.mean[n] = (line.mean[n] ?? 0) + mean * block.step_s
    weight[n] = (weight[n] ?? 0) + block.step_s
    const before = line.peak[n] ?? Number.NaN
    if (!(peak <= before)) line.peak[n] = peak
  }
}

/** Of those that there are; NaN when there is none. */
function sumOf(values: Float32Array, from: number, places: readonly number[]): number {
  let sum = Number.NaN
  for (const place of places) {
    const value = values[from + place] ?? Number.NaN
    if (!Number.isNaN(value)) sum = Number.isNaN(sum) ? value : sum + value
  }
  return sum
}

/** The same as one block; null when nothing was measured. */
export function rollUp(blocks: readonly Block[], grid: Grid): Block | null {
  const lines = [...putTogether(blocks, grid)]
  const width = lines.length
  if (width === 0) return null
  const mean = new Float32Array(grid.points * width)
  const peak = new Float32Array(grid.points * width)
  for (const [place, [, line]] of lines.entries()) {
    for (let n = 0; n < grid.points; n++) {
      mean[n * width + place] = line.mean[n] ?? Number.NaN
      peak[n * width + place] = line.peak[n] ?? Number.NaN
    }
  }
  return { at_ms: grid.from_ms, step_s: grid.step_s, series: lines.map(([name]) => name), mean, peak }
}
