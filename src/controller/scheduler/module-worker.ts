/**
 * The thread in which one of the operator's own modules runs: it holds a copy of the hosts, is told what has changed of them, and
 * answers for all of them at once. It gets values and gives values; who hangs or throws here holds up nobody else.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { HostSnapshot, PlacementAsked } from './snapshot.ts'

/** What a module exports: at least one of filter and weigh. */
interface OperatorsModule {
  /** Null or true: the host can take it. Otherwise why not, as words that follow its name; false: without a reason. */
  filter?(host: HostSnapshot, asked: PlacementAsked, count: number): string | boolean | null
  /** Between 0 and 1. */
  weigh?(host: HostSnapshot, asked: PlacementAsked, count: number): number
  /** How much it counts; 1 unless given. */
  factor?: number
}

export interface ModuleQuestion {
  changed: HostSnapshot[]
  gone: string[]
  /** Null: nothing yet; it says when it has taken the hosts. */
  asked: PlacementAsked | null
  count: number
}

export interface ModuleAnswer {
  refused: [host_id: string, why: string][]
  weights: [host_id: string, weight: number][]
  factor: number
}

const reason_length_max = 200
const { address } = workerData as { address: string }
const hosts = new Map<string, HostSnapshot>()

function answer(own: OperatorsModule, asked: PlacementAsked, count: number): ModuleAnswer {
  const refused: ModuleAnswer['refused'] = []
  const weights: ModuleAnswer['weights'] = []
  for (const host of hosts.values()) {
    const why = own.filter?.(host, asked, count) ?? null
    if (why !== null && typeof why !== 'boolean' && typeof why !== 'string')
      throw new TypeError('filter gave no reason')
    if (why === false || typeof why === 'string') {
      refused.push([host.id, (why || 'is refused').slice(0, reason_length_max)])
      continue
    }
    const weight = own.weigh?.(host, asked, count)
    if (weight === undefined) continue
    if (!Number.isFinite(weight)) throw new TypeError(`weigh gave ${String(weight)}, which is no number`)
    weights.push([host.id, Math.max(0, Math.min(1, weight))])
  }
  const { factor = 1 } = own
  if (!Number.isFinite(factor)) throw new TypeError('factor is no number')
  return { refused, weights, factor }
}

if (parentPort) {
  const port = parentPort
  const own = (await import(address)) as OperatorsModule
  if (typeof own.filter !== 'function' && typeof own.weigh !== 'function') {
    throw new TypeError('the module exports neither filter nor weigh')
  }
  port.on('message', (question: ModuleQuestion) => {
    for (const host of question.changed) hosts.set(host.id, host)
    for (const id of question.gone) hosts.delete(id)
    port.postMessage(question.asked === null ? null : answer(own, question.asked, question.count))
  })
}
