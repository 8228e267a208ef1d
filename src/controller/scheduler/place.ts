/**
 * Placing: from a snapshot of hosts and what is asked to a plan and its explanation. Pure; store/ claims what the plan
 * says and checks again as it does.
 */
import { filters } from './filters.ts'
import type { Claims, HostSnapshot, PlacementAsked } from './snapshot.ts'
import { weights } from './weights.ts'

export interface Verdict {
  host: string
  host_id: string
  /** Why it cannot take the instance; null when it can. */
  refused: string | null
  score: number | null
  weights: Record<string, number>
}

export interface Decision {
  host_id: string | null
  /** The best of those that fit, then examples of those refused; bounded, whatever the number of hosts. */
  hosts: Verdict[]
  /** How many hosts each filter refused. */
  refusals: Record<string, number>
}

const told_fitting_max = 10
const told_refused_max = 10

/** The first filter that refuses the host, with its words. */
function refusal(host: HostSnapshot, claims: Claims, asked: PlacementAsked): { filter: string; why: string } | null {
  for (const [filter, test] of Object.entries(filters)) {
    const why = test(host, claims, asked)
    if (why !== null) return { filter, why }
  }
  return null
}

function verdictOf(host: HostSnapshot, claims: Claims): Verdict {
  const parts: Record<string, number> = {}
  let score = 0
  for (const [name, { factor, weigh }] of Object.entries(weights)) {
    const part = factor * weigh(host, claims)
    parts[name] = Math.round(part * 1000) / 1000
    score += part
  }
  return { host: host.name, host_id: host.id, refused: null, score: Math.round(score * 1000) / 1000, weights: parts }
}

/** Better first; equal scores by id, so that the same snapshot always gives the same plan. */
function better(a: Verdict, b: Verdict): number {
  return (b.score ?? 0) - (a.score ?? 0) || (a.host_id < b.host_id ? -1 : 1)
}

/**
 * Places `count` like instances one after the other, each seeing the claims of those before it. Returns a decision per
 * instance; it stops at the first that no host can take (its decision has host_id null and says why).
 */
export function place(hosts: readonly HostSnapshot[], asked: PlacementAsked, count = 1): Decision[] {
  const claims = new Map<string, Claims>(
    hosts.map(host => [
      host.id,
      { vcpus: host.vcpus_claimed, memory_mib: host.memory_claimed_mib, disk_gib: host.disk_claimed_gib },
    ]),
  )
  const decisions: Decision[] = []
  const refusals: Record<string, number> = {}
  const refused: Verdict[] = []
  const fitting = new Map<string, { host: HostSnapshot; verdict: Verdict }>()

  const judge = (host: HostSnapshot) => {
    const claim = claims.get(host.id)
    if (!claim) return
    const no = refusal(host, claim, asked)
    if (!no) {
      fitting.set(host.id, { host, verdict: verdictOf(host, claim) })
      return
    }
    fitting.delete(host.id)
    refusals[no.filter] = (refusals[no.filter] ?? 0) + 1
    if (refused.length < told_refused_max) {
      refused.push({ host: host.name, host_id: host.id, refused: no.why, score: null, weights: {} })
    }
  }
  const takeDisk = (host: HostSnapshot) => {
    const claim = claims.get(host.id)
    if (claim) claim.disk_gib += asked.disk_gib
    if (fitting.has(host.id)) judge(host)
  }
  for (const host of hosts) judge(host)
  for (let n = 0; n < count; n++) {
    const best = bestOf([...fitting.values()].map(one => one.verdict))
    const [chosen] = best
    decisions.push({ host_id: chosen?.host_id ?? null, hosts: [...best, ...refused], refusals: { ...refusals } })
    const host = chosen && fitting.get(chosen.host_id)?.host
    const claim = host && claims.get(host.id)
    if (!host || !claim) break
    claim.vcpus += asked.vcpus
    claim.memory_mib += asked.memory_mib
    claim.disk_gib += asked.disk_gib
    judge(host)
    if (asked.disk_gib > 0) for (const other of sharing(hosts, host)) takeDisk(other)
  }
  return decisions
}

/** The others that have the host's pool. */
function sharing(hosts: readonly HostSnapshot[], { id, pool_id }: HostSnapshot): HostSnapshot[] {
  return pool_id ? hosts.filter(other => other.pool_id === pool_id && other.id !== id) : []
}

/** The best few, without sorting all. */
function bestOf(verdicts: readonly Verdict[]): Verdict[] {
  const best: Verdict[] = []
  for (const verdict of verdicts) {
    const worst = best.at(-1)
    if (best.length === told_fitting_max && worst && better(worst, verdict) < 0) continue
    const at = best.findIndex(one => better(verdict, one) < 0)
    best.splice(at === -1 ? best.length : at, 0, verdict)
    if (best.length > told_fitting_max) best.pop()
  }
  return best
}
