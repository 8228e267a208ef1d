/**
 * Placing: from a snapshot of hosts and what is asked to a plan and its explanation. Pure; store/ claims what the plan
 * says and checks again as it does. Quick for ten thousand hosts: words and verdicts are made for the few that are told of.
 */
import type { Filter } from './filter.ts'
import { filters } from './filters/index.ts'
import { type Claims, claimsOf, type HostSnapshot, type PlacementAsked, roundOf, take } from './snapshot.ts'
import type { Weight } from './weight.ts'
import { weights } from './weights/index.ts'

export interface Verdict {
  host: string
  host_id: string
  /** Why it cannot take the instance; null when it can. */
  refused: string | null
  /** The filter that refused it. */
  filter: string | null
  score: number | null
  weights: Record<string, number>
}

export interface Decision {
  host_id: string | null
  /** The best of those that fit, then examples of those refused, of every reason; bounded, whatever the number of hosts. */
  hosts: Verdict[]
  /** How many hosts each filter refused. */
  refusals: Record<string, number>
}

export interface PlaceOptions {
  /** How much each weight counts, where not by default. Zero: not at all. */
  factors?: Readonly<Record<string, number>>
  /** Filters and weights beside Croft's own, by the names that explanations use. */
  filters?: Readonly<Record<string, Filter>>
  weights?: Readonly<Record<string, Weight>>
}

const told_fitting_max = 10
const told_refused_max = 10

/**
 * Places `count` like instances one after the other, each seeing the claims of those before it. Returns a decision per
 * instance; it stops at the first that no host can take (its decision has host_id null and says why).
 */
export function place(
  hosts: readonly HostSnapshot[],
  asked: PlacementAsked,
  count = 1,
  options: PlaceOptions = {},
): Decision[] {
  const judging = new Judging(hosts, asked, options)
  const decisions: Decision[] = []
  for (let n = 0; n < count; n++) {
    const decision = judging.decide()
    decisions.push(decision)
    if (decision.host_id === null) break
  }
  return decisions
}

/** Scores are told with three digits, and compared as they are told. */
const rounded = (score: number) => Math.round(score * 1000) / 1000

/** The index of no filter: it fits. */
const fits = -1

class Judging {
  /** By id: of equal scores the first wins, so that the same snapshot always gives the same plan. */
  private readonly hosts: readonly HostSnapshot[]
  private readonly asked: PlacementAsked
  private readonly claims: Claims[]
  private readonly filters: readonly (readonly [string, Filter])[]
  private readonly weights: readonly { name: string; factor: number; weight: Weight }[]
  /** Of each host: which filter refuses it. */
  private readonly refusing: Int16Array
  private readonly scores: Float64Array
  /** Of each filter: how many hosts it refuses. */
  private readonly refused: number[]

  constructor(hosts: readonly HostSnapshot[], asked: PlacementAsked, options: PlaceOptions) {
    this.hosts = byId(hosts)
    this.asked = asked
    const round = roundOf(asked)
    this.claims = this.hosts.map(host => claimsOf(host, asked, round))
    const all_filters = Object.entries<Filter>({ ...filters, ...options.filters })
    this.filters = all_filters.filter(([, one]) => !one.applies || one.applies(asked))
    this.weights = Object.entries<Weight>({ ...weights, ...options.weights }).flatMap(([name, weight]) => {
      const factor = options.factors?.[name] ?? weight.factor
      return factor === 0 || (weight.applies && !weight.applies(asked)) ? [] : [{ name, factor, weight }]
    })
    this.refusing = new Int16Array(this.hosts.length).fill(fits)
    this.scores = new Float64Array(this.hosts.length)
    this.refused = this.filters.map(() => 0)
    for (let n = 0; n < this.hosts.length; n++) this.judge(n)
  }

  /** The next instance's place, which is taken for it. */
  decide(): Decision {
    const best = this.best()
    const [chosen] = best
    const decision: Decision = {
      host_id: chosen === undefined ? null : (this.hosts[chosen]?.id ?? null),
      hosts: [...best.map(n => this.verdict(n)), ...this.examples()],
      refusals: Object.fromEntries(
        this.filters.flatMap(([name], n): [string, number][] => (this.refused[n] ? [[name, this.refused[n]]] : [])),
      ),
    }
    if (chosen !== undefined) this.promise(chosen)
    return decision
  }

  private promise(chosen: number): void {
    const [host, claims] = [this.hosts[chosen], this.claims[chosen]]
    if (!host || !claims) return
    const again = take(host, claims, this.asked)
    if (again === 'none') return this.judge(chosen)
    for (let n = 0; n < this.hosts.length; n++) {
      if (again === 'all' || this.hosts[n]?.cluster_id === host.cluster_id) this.judge(n)
    }
  }

  /** What is so of one host now: refused by which filter, or of which score. */
  private judge(n: number): void {
    const [host, claims] = [this.hosts[n], this.claims[n]]
    if (!host || !claims) return
    const before = this.refusing[n] ?? fits
    if (before !== fits) this.refused[before] = (this.refused[before] ?? 0) - 1
    const filter = this.filters.findIndex(([, one]) => one.refuses(host, claims, this.asked))
    this.refusing[n] = filter
    if (filter !== fits) {
      this.refused[filter] = (this.refused[filter] ?? 0) + 1
      return
    }
    let score = 0
    for (const { factor, weight } of this.weights) score += factor * weight.weigh(host, claims, this.asked)
    this.scores[n] = rounded(score)
  }

  /** The best few of those that fit, without sorting all. */
  private best(): number[] {
    const best: number[] = []
    let least = Number.NEGATIVE_INFINITY
    for (let n = 0; n < this.scores.length; n++) {
      const score = this.scores[n] ?? 0
      if (this.refusing[n] !== fits || (best.length === told_fitting_max && score <= least)) continue
      let at = best.length
      while (at > 0 && score > (this.scores[best[at - 1] ?? 0] ?? 0)) at--
      best.splice(at, 0, n)
      if (best.length > told_fitting_max) best.pop()
      least = this.scores[best.at(-1) ?? 0] ?? 0
    }
    return best
  }

  private verdict(n: number): Verdict {
    const [host, claims] = [this.hosts[n], this.claims[n]]
    if (!host || !claims) throw new RangeError(`there is no host ${n}`)
    const parts = this.weights.map(({ name, factor, weight }): [string, number] => [
      name,
      rounded(factor * weight.weigh(host, claims, this.asked)),
    ])
    const score = this.scores[n] ?? 0
    return { host: host.name, host_id: host.id, refused: null, filter: null, score, weights: Object.fromEntries(parts) }
  }

  /** Of every reason as many as fit in: first one of each, then a second, … */
  private examples(): Verdict[] {
    const found: number[][] = this.filters.map(() => [])
    let wanted = this.refused.reduce((sum, many) => sum + Math.min(many, told_refused_max), 0)
    for (let n = 0; n < this.hosts.length && wanted > 0; n++) {
      const of = found[this.refusing[n] ?? fits]
      if (!of || of.length === told_refused_max) continue
      of.push(n)
      wanted--
    }
    const told: Verdict[] = []
    for (let k = 0; k < told_refused_max && told.length < told_refused_max; k++) {
      for (const [filter, hosts] of found.entries()) {
        const n = hosts[k]
        if (n !== undefined && told.length < told_refused_max) told.push(this.refusal(n, filter))
      }
    }
    return told
  }

  private refusal(n: number, filter: number): Verdict {
    const [host, claims, named] = [this.hosts[n], this.claims[n], this.filters[filter]]
    if (!host || !claims || !named) throw new RangeError(`there is no host ${n} or filter ${filter}`)
    const [name, one] = named
    const why = one.why(host, claims, this.asked)
    return { host: host.name, host_id: host.id, refused: why, filter: name, score: null, weights: {} }
  }
}

/** Sorting what is sorted costs one look at each. */
function byId(hosts: readonly HostSnapshot[]): readonly HostSnapshot[] {
  const in_order = hosts.every((host, n) => n === 0 || (hosts[n - 1]?.id ?? '') < host.id)
  return in_order ? hosts : hosts.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
