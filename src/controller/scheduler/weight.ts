/**
 * What a weight is: one reason to like a fitting host better than another. Each is a file of its own under weights/, pure, and
 * named in weights/index.ts. A host's score is the sum of all, each times its factor.
 */
import type { Claims, HostSnapshot, PlacementAsked } from './snapshot.ts'

export interface Weight {
  /** How much it counts; below zero the opposite is liked. */
  readonly factor: number
  /** Whether it tells hosts apart for what is asked; without it: always. */
  applies?(asked: PlacementAsked): boolean
  /** Between 0 and 1, of a host that fits. */
  weigh(host: HostSnapshot, claims: Claims, asked: PlacementAsked): number
}

/** How much of it is free, between 0 and 1. */
export function freeShare(limit: number, claimed: number): number {
  return limit <= 0 ? 0 : Math.max(0, Math.min(1, (limit - claimed) / limit))
}
