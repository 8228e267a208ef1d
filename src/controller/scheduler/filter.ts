/**
 * What a filter is: one reason for which a host cannot take an instance. Each is a file of its own under filters/, pure, and
 * named in filters/index.ts. It is asked of every host for every placement, so `refuses` is quick; words are made for the few
 * hosts that are told of.
 */
import type { Claims, HostSnapshot, PlacementAsked } from './snapshot.ts'

export interface Filter {
  /** What it finds wrong, for who is not told of single hosts: "too little memory is free". */
  readonly fault: string
  /** What may be done about it; without it: there is too little of something. "name another zone, or none". */
  readonly remedy?: string
  /** The same for what there is already and is to go elsewhere: what it was made with, and its zone, cannot be chosen any more. */
  readonly remedy_elsewhere?: string | ((asked?: PlacementAsked) => string)
  /** Of what there is already: no host but the one where it is will do, so that what other filters say of hosts helps nobody. */
  stays?(asked: PlacementAsked): boolean
  /** Whether it has anything to say about what is asked; without it: always. It is not asked of hosts otherwise. */
  applies?(asked: PlacementAsked): boolean
  /** Whether the host, with so much of it promised already, cannot take one more of what is asked. */
  refuses(host: HostSnapshot, claims: Claims, asked: PlacementAsked): boolean
  /** Of a host that it refuses: why, as words for people that follow the host's name. */
  why(host: HostSnapshot, claims: Claims, asked: PlacementAsked): string
  /** Where it refuses some and no host is left: a sentence on what is so of all hosts together, if there is anything to say. */
  ofAll?(hosts: readonly HostSnapshot[], asked: PlacementAsked): string | null
}

/** "needs 4096 MiB of memory, 2048 of 8192 are free": for filters of what can be counted. */
export function lacks(what: string, unit: string, asked: number, limit: number, claimed: number): string {
  const free = Math.max(0, limit - claimed)
  return asked > limit
    ? `needs ${asked} ${unit}${what}, the host has ${limit} in all`
    : `needs ${asked} ${unit}${what}, ${free} of ${limit} are free`
}
