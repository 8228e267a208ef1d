/**
 * Placing: from a snapshot of hosts and what is asked to a plan and its explanation. Pure; store/ claims what the plan
 * says and checks again as it does. Quick for ten thousand hosts: words and verdicts are made for the few that are told of.
 */
import type { Filter } from './filter.ts'
import { filtersWith } from './filters/index.ts'
import {
  type CpuNames,
  type Claims,
  claimsOf,
  type HostSnapshot,
  type PlacementAsked,
  type Round,
  roundOf,
  take,
} from './snapshot.ts'
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
  zone_id: string | null
  /** What the hosts of its cluster have in common. */
  cpu_baseline: CpuNames | null
  /** The best of those that fit, then those refused: each, or of many hosts examples of every reason; bounded, whatever their number. */
  hosts: Verdict[]
  /** How many hosts could take it. */
  fitting: number
  /** How many hosts each filter refused. */
  refusals: Record<string, number>
  /** Where no host can take it: sentences on what is so of all of them. Absent: none. */
  remarks?: string[]
}

export interface PlaceOptions {
  /** How much each weight counts, where not by default. Zero: not at all. */
  factors?: Readonly<Record<string, number>>
  /** Filters and weights beside Croft's own, by the names that explanations use. */
  filters?: Readonly<Record<string, Filter>>
  weights?: Readonly<Record<string, Weight>>
}

/** How many hosts are told of, of those that fit and of those refused. */
interface Told {
  readonly fitting: number
  readonly refused: number
}

/**
 * Where there are no more hosts than this each is told of, so that "why not that one?" has an answer for any of them; with the first of a batch
 * and with one that found none. For a hundred hosts that is 20 KB, of which the database keeps 4 as long as the instance; of ten it keeps 1.
 */
const told_each_max = 100
const each: Told = { fitting: told_each_max, refused: told_each_max }
const some: Told = { fitting: 10, refused: 10 }
/** Of a large batch each instance but the first is told of fewer: they are alike. */
const large_batch = 20
const few: Told = { fitting: 3, refused: 3 }

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
  return new Judging(byId(hosts), asked, options).decide(count)
}

/** Scores are told with three digits, and compared as they are told. */
const rounded = (score: number) => Math.round(score * 1000) / 1000

/** The index of no filter: it fits. */
const fits = -1

/** Hosts judged for one wish; `decide` is asked once, or again after `update` has put right what it took and what changed. */
export class Judging {
  /** By id: of equal scores the first wins, so that the same snapshot always gives the same plan. */
  private readonly hosts: HostSnapshot[]
  private readonly asked: PlacementAsked
  private readonly filters: readonly (readonly [string, Filter])[]
  private readonly weights: readonly { name: string; factor: number; weight: Weight }[]
  private round: Round
  /** Of hosts on which something was placed in this round. */
  private readonly claimed = new Map<number, Claims>()
  /** Of each host: which filter refuses it. */
  private readonly refusing: Int16Array
  private readonly scores: Float64Array
  /** Of each filter: how many hosts it refuses. */
  private readonly refused: number[]

  /** `hosts` in the order of ids. */
  constructor(hosts: readonly HostSnapshot[], asked: PlacementAsked, options: PlaceOptions) {
    this.hosts = [...hosts]
    this.asked = asked
    this.round = roundOf(asked)
    const all_filters = Object.entries<Filter>(filtersWith(options.filters))
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

  /** For another decision on these hosts, of which some have changed. False: other hosts, which have to be judged from the start. */
  update(hosts: readonly HostSnapshot[]): boolean {
    if (hosts.length !== this.hosts.length) return false
    const changed: number[] = []
    for (let n = 0; n < hosts.length; n++) {
      const [host, known] = [hosts[n], this.hosts[n]]
      if (host === known || !host) continue
      if (host.id !== known?.id) return false
      this.hosts[n] = host
      changed.push(n)
    }
    const again = new Set([...this.claimed.keys(), ...changed])
    this.claimed.clear()
    this.round = roundOf(this.asked)
    for (const n of again) this.judge(n)
    return true
  }

  decide(count: number): Decision[] {
    const decisions: Decision[] = []
    const first = this.hosts.length <= told_each_max ? each : some
    const others = count > large_batch ? few : some
    for (let n = 0; n < count; n++) {
      const decision = this.next(n === 0 ? first : others)
      decisions.push(decision)
      if (decision.host_id === null) break
    }
    return decisions
  }

  /** The next instance's place, which is taken for it. */
  private next(told: Told): Decision {
    const best = this.best(told.fitting)
    const [chosen] = best
    const refused_max = chosen === undefined && this.hosts.length <= told_each_max ? told_each_max : told.refused
    const host = chosen === undefined ? undefined : this.hosts[chosen]
    const decision: Decision = {
      host_id: host?.id ?? null,
      zone_id: host?.zone_id ?? null,
      cpu_baseline: host?.cpu_baseline ?? null,
      hosts: [...best.map(n => this.verdict(n)), ...this.examples(refused_max)],
      fitting: this.hosts.length - this.refused.reduce((sum, many) => sum + many, 0),
      refusals: Object.fromEntries(
        this.filters.flatMap(([name], n): [string, number][] => (this.refused[n] ? [[name, this.refused[n]]] : [])),
      ),
    }
    if (host && chosen !== undefined) this.promise(chosen, host)
    else this.remark(decision)
    return decision
  }

  private remark(decision: Decision): void {
    const remarks = this.filters.flatMap(([, one], n) => {
      return (this.refused[n] ? one.ofAll?.(this.hosts, this.asked) : null) ?? []
    })
    if (remarks.length > 0) decision.remarks = remarks
  }

  private promise(chosen: number, host: HostSnapshot): void {
    const claims = this.claimsOn(chosen, host)
    this.claimed.set(chosen, claims)
    const again = take(host, claims, this.asked)
    if (again === 'none') return this.judge(chosen)
    for (let n = 0; n < this.hosts.length; n++) {
      if (again === 'all' || this.hosts[n]?.cluster_id === host.cluster_id) this.judge(n)
    }
  }

  private claimsOn(n: number, host: HostSnapshot): Claims {
    return this.claimed.get(n) ?? claimsOf(host, this.asked, this.round)
  }

  /** What is so of one host now: refused by which filter, or of which score. */
  private judge(n: number): void {
    const host = this.hosts[n]
    if (!host) return
    const { asked, filters: tests } = this
    const claims = this.claimsOn(n, host)
    const before = this.refusing[n] ?? fits
    if (before !== fits) this.refused[before] = (this.refused[before] ?? 0) - 1
    for (let at = 0; at < tests.length; at++) {
      if (tests[at]?.[1].refuses(host, claims, asked) !== true) continue
      this.refusing[n] = at
      this.refused[at] = (this.refused[at] ?? 0) + 1
      return
    }
    this.refusing[n] = fits
    let score = 0
    for (const { factor, weight } of this.weights) score += factor * weight.weigh(host, claims, asked)
    this.scores[n] = rounded(score)
  }

  /** The best few of those that fit, without sorting all. */
  private best(most: number): number[] {
    const { scores, refusing } = this
    const best: number[] = []
    let least = Number.NEGATIVE_INFINITY
    for (let n = 0; n < scores.length; n++) {
      const score = scores[n] ?? 0
      if (score <= least || refusing[n] !== fits) continue
      let at = best.length
      while (at > 0 && score > (scores[best[at - 1] ?? 0] ?? 0)) at--
      best.splice(at, 0, n)
      if (best.length > most) best.pop()
      if (best.length === most) least = scores[best.at(-1) ?? 0] ?? 0
    }
    return best
  }

  private verdict(n: number): Verdict {
    const host = this.hosts[n]
    if (!host) throw new RangeError(`there is no host ${n}`)
    const claims = this.claimsOn(n, host)
    const parts: Record<string, number> = {}
    for (const { name, factor, weight } of this.weights) {
      parts[name] = rounded(factor * weight.weigh(host, claims, this.asked))
    }
    return {
      host: host.name,
      host_id: host.id,
      refused: null,
      filter: null,
      score: this.scores[n] ?? 0,
      weights: parts,
    }
  }

  /** Of every reason as many as fit in: first one of each, then a second, … */
  private examples(most: number): Verdict[] {
    const found: number[][] = this.filters.map(() => [])
    let wanted = this.refused.reduce((sum, many) => sum + Math.min(many, most), 0)
    for (let n = 0; n < this.hosts.length && wanted > 0; n++) {
      const of = found[this.refusing[n] ?? fits]
      if (!of || of.length === most) continue
      of.push(n)
      wanted--
    }
    const told: Verdict[] = []
    for (let k = 0; k < most && told.length < most; k++) {
      for (const [filter, hosts] of found.entries()) {
        const n = hosts[k]
        if (n !== undefined && told.length < most) told.push(this.refusal(n, filter))
      }
    }
    return told
  }

  private refusal(n: number, filter: number): Verdict {
    const [host, named] = [this.hosts[n], this.filters[filter]]
    if (!host || !named) throw new RangeError(`there is no host ${n} or filter ${filter}`)
    const [name, one] = named
    const why = one.why(host, this.claimsOn(n, host), this.asked)
    return { host: host.name, host_id: host.id, refused: why, filter: name, score: null, weights: {} }
  }
}

/** Sorting what is sorted costs one look at each. */
function byId(hosts: readonly HostSnapshot[]): readonly HostSnapshot[] {
  const in_order = hosts.every((host, n) => n === 0 || (hosts[n - 1]?.id ?? '') < host.id)
  return in_order ? hosts : hosts.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
