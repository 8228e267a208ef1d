/**
 * What a controller is made of, as one value that every use case gets: all from outside comes in through here, so that
 * a simulation can give its own clock, randomness, database and links.
 */
import type { Logger } from 'pino'
import type { Clock } from '../lib/clock.ts'
import { type Id, newId } from '../model/ids.ts'
import type { AgentCalls } from './agents/calls.ts'
import type { AgentSessions } from './agents/sessions.ts'
import type { AgentStreams } from './agents/streams.ts'
import type { EventHub } from './app/event-hub.ts'
import type { HostBoard } from './app/host-board.ts'
import type { MetricHub } from './app/metric-hub.ts'
import type { PluginShelf } from './app/plugin.ts'
import type { SchedulerModules } from './app/scheduler-modules.ts'
import type { Settings } from './app/settings-in-force.ts'
import type { Fencing } from './fencing/fence.ts'
import type { Database } from './store/database.ts'

export interface Random {
  bytes(count: number): Uint8Array
}

/** Where image contents are kept: one folder that all controllers share. */
export interface ImageStore {
  /** Path of the folder; contents are `<image id>.qcow2` or `.raw`, unfinished ones under `incoming/`. */
  readonly folder: string
}

/** Seals secrets with a key that is not in the database. */
export interface Sealer {
  seal(name: string, secret: Uint8Array): Uint8Array
  unseal(name: string, sealed: Uint8Array): Uint8Array
}

export interface ControllerIdentity {
  id: string
  name: string
  version: string
  /** Base URL on which agents and streams reach this one controller. */
  agent_url: string
}

/** `run`: a random word for each start, by which a controller that was given the same id is told from this one. */
export type RunIdentity = ControllerIdentity & { readonly run: string }

export interface Cloud {
  readonly self: RunIdentity
  readonly database: Database
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly settings: Settings
  readonly events: EventHub
  readonly metrics: MetricHub
  readonly hosts: HostBoard
  readonly modules: SchedulerModules
  readonly agents: AgentSessions
  readonly calls: AgentCalls
  readonly streams: AgentStreams
  readonly sealer: Sealer
  readonly images: ImageStore
  readonly plugins: PluginShelf
  /** Reaches hosts' management controllers, to cut their power. */
  readonly fencing: Fencing
  /** Addresses that an image may not be fetched from unless allowed: see lib/download. */
  readonly allow_private_downloads: boolean
}

const ofRequests = new WeakMap<Cloud, Cloud>()

/** As what users ask gets it: over the database's connections for that (store/database.ts). The same each time. */
export function forRequests(cloud: Cloud): Cloud {
  const known = ofRequests.get(cloud) ?? { ...cloud, database: cloud.database.of('request') }
  ofRequests.set(cloud, known)
  return known
}

/** No answer of a host's agent that is of use: it refused, in its own words, or said nothing in time. */
export class CallFailed extends Error {
  readonly kind: 'refused' | 'silent'
  constructor(kind: 'refused' | 'silent', words: string) {
    super(words)
    this.kind = kind
  }
}

/** What it takes to make new things: ids, MACs. */
export type Makes = Pick<Cloud, 'clock' | 'random'>

export function makeId<T extends Id<string>>(cloud: Makes): T {
  return newId<T>({ now_ms: () => cloud.clock.now_ms(), randomBytes: count => cloud.random.bytes(count) })
}
