/**
 * The layouts of what hosts measure, shared by all that have the same devices. Hosts can make up devices, and each set of them is a
 * layout that is kept for good: what one host may bring is bounded, so that a lying one uses up its own share only.
 */
import type { Clock } from '../../lib/clock.ts'
import type { MetricKind } from '../../model/metrics.ts'
import { type Layout, layoutKey, layoutOf, type Sample } from './metric-rates.ts'

/**
 * Of layouts that nobody here had before, a host may bring this many, and one more after each such time: many more than an honest
 * one has, and too few to use up what all share.
 */
const own_layouts_max = 48
const own_layout_every_ms = 3_600_000

export class MetricLayouts {
  private readonly layouts = new Map<string, Layout>()
  /** By host: how many it may still bring, as of when. */
  private readonly budgets = new Map<string, { left: number; at_ms: number }>()
  private readonly clock: Pick<Clock, 'steady_ms'>

  constructor(clock: Pick<Clock, 'steady_ms'>) {
    this.clock = clock
  }

  /** Null: this host has brought too many. */
  of(kind: MetricKind, sample: Sample, host_id: string): Layout | null {
    const key = layoutKey(kind, sample)
    const known = this.layouts.get(key)
    if (known) return known
    if (!this.spend(host_id)) return null
    const layout = layoutOf(kind, sample)
    this.layouts.set(key, layout)
    return layout
  }

  private spend(host_id: string): boolean {
    const steady_ms = this.clock.steady_ms()
    const { left, at_ms } = this.budgets.get(host_id) ?? { left: own_layouts_max, at_ms: steady_ms }
    const gained = Math.floor((steady_ms - at_ms) / own_layout_every_ms)
    const most = Math.min(own_layouts_max, left + gained)
    this.budgets.set(host_id, { left: Math.max(0, most - 1), at_ms: at_ms + gained * own_layout_every_ms })
    return most > 0
  }
}
