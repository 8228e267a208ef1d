/** The agent's ports in memory, for tests of its own logic. What real parts do is tested in test/real/agent. */
import { Duplex, Readable } from 'node:stream'
import type { Clock } from '../../../src/lib/clock.ts'
import type {
  Arrivals,
  Domain,
  DomainSpec,
  Hypervisor,
  HypervisorEvent,
  LinkDialler,
  LinkHandlers,
  Log,
  OffReason,
  State,
  StateChange,
} from '../../../src/agent/ports.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import type { AgentFrame, ControllerFrame } from '../../../src/protocol/messages.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'

/** Storage that has made ready for whatever comes, and holds nothing of it. */
export const fakeArrivals = (): Arrivals => ({
  prepare: async () => undefined,
  fit: async () => true,
  files: async () => [],
  settle: async () => undefined,
  located: async () => [],
  leaving: async () => [],
  drop: async () => undefined,
})

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }

export function uuid(n: number): string {
  return `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
}

export function wantedInstance(change: Partial<WantedInstance> = {}): WantedInstance {
  return {
    id: uuid(1),
    generation: 1,
    details_version: 1,
    power: 'running',
    reboot_count: 0,
    reboot_kind: 'soft',
    stop_timeout_s: 60,
    vcpus: 1,
    memory_mib: 128,
    cpu_model: 'default',
    disks: [],
    ports: [],
    config_drive: false,
    watchdog_action: 'none',
    metadata: {
      hostname: 'web-1',
      name: 'web 1',
      project_id: uuid(99),
      zone: 'default',
      flavor: 'small',
      image: 'tiny',
      public_keys: [],
      user_data: null,
      tags: {},
      created_at: '2026-01-01T00:00:00Z',
      floating_addresses: [],
      security_groups: ['default'],
    },
    ...change,
  }
}

export function domain(change: Partial<Domain> = {}): Domain {
  return {
    id: uuid(1),
    name: 'croft-1',
    ours: true,
    power: 'running',
    off_reason: null,
    paused_reason: null,
    ...change,
  }
}

export interface ManualClock extends Clock {
  advance(ms: number): Promise<void>
  /** Somebody sets the machine's clock: no time passes. */
  setWall(by_ms: number): void
}

/** Time that stands still until told; callbacks run in order of their time. */
export function manualClock(start_ms = 1_000_000): ManualClock {
  let now_ms = start_ms
  let wall_off_ms = 0
  let next = 0
  const timers = new Map<number, { at_ms: number; callback: () => void }>()
  return {
    now_ms: () => now_ms + wall_off_ms,
    steady_ms: () => now_ms,
    setWall(by_ms) {
      wall_off_ms += by_ms
    },
    after(delay_ms, callback) {
      const key = next++
      timers.set(key, { at_ms: now_ms + delay_ms, callback })
      return { cancel: () => void timers.delete(key) }
    },
    sleep(delay_ms) {
      return new Promise(resolve => void this.after(delay_ms, resolve))
    },
    async advance(ms) {
      const end_ms = now_ms + ms
      await settle()
      for (;;) {
        const due = [...timers].filter(([, timer]) => timer.at_ms <= end_ms).sort((a, b) => a[1].at_ms - b[1].at_ms)[0]
        if (due === undefined) break
        timers.delete(due[0])
        now_ms = Math.max(now_ms, due[1].at_ms)
        due[1].callback()
        await settle()
      }
      now_ms = end_ms
    },
  }
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
}

/** Thrown from a port to end an agent as kill -9 would: nothing after it runs. */
export class Killed extends Error {}

export interface FakeHost {
  readonly domains: Map<string, Domain>
  readonly disk: Map<string, Map<string, string>>
  readonly acts: string[]
  boot_id: string
  /** Called before and after each act and write; may throw Killed. */
  hook: (what: string) => void
  failStart: Error | null
  /** Guests that heed the power button. */
  heedsAcpi: boolean
  listeners: Set<(event: HypervisorEvent) => void>
}

export function fakeHost(): FakeHost {
  return {
    domains: new Map(),
    disk: new Map(),
    acts: [],
    boot_id: 'boot-1',
    hook() {},
    failStart: null,
    heedsAcpi: true,
    listeners: new Set(),
  }
}

export function powerOff(host: FakeHost, id: string, off_reason: OffReason): void {
  const have = host.domains.get(id)
  if (have === undefined) return
  host.domains.set(id, { ...have, power: 'off', off_reason })
  emit(host, { kind: 'changed', id })
}

function emit(host: FakeHost, event: HypervisorEvent): void {
  for (const listener of host.listeners) listener(event)
}

export function fakeHypervisor(host: FakeHost): Hypervisor {
  const act = <T>(name: string, id: string, change: () => T): Promise<T> => {
    host.hook(`before ${name}`)
    host.acts.push(`${name} ${id.slice(-2)}`)
    const result = change()
    host.hook(`after ${name}`)
    return Promise.resolve(result)
  }
  return {
    list: () => Promise.resolve([...host.domains.values()]),
    look: id => Promise.resolve(host.domains.get(id) ?? null),
    define: ({ instance }: DomainSpec) =>
      act('define', instance.id, () => {
        const { id } = instance
        host.domains.set(id, host.domains.get(id) ?? domain({ id, name: id, power: 'off', off_reason: 'unknown' }))
      }),
    start: id =>
      act('start', id, () => {
        if (host.failStart !== null) throw host.failStart
        host.domains.set(id, { ...(host.domains.get(id) ?? domain({ id })), power: 'running', off_reason: null })
        emit(host, { kind: 'changed', id })
      }),
    askShutdown: id =>
      act('askShutdown', id, () => {
        if (host.heedsAcpi) powerOff(host, id, 'guest')
      }),
    cut: id => act('cut', id, () => powerOff(host, id, 'cut')),
    resume: id => act('resume', id, () => void host.domains.set(id, domain({ id }))),
    undefine: id => act('undefine', id, () => void host.domains.delete(id)),
    forget: id => act('forget', id, () => undefined),
    subscribe: listener => void host.listeners.add(listener),
    openConsole: () => Promise.resolve(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })),
    openGraphics: () => Promise.resolve(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })),
    readConsoleLog: () => Promise.resolve(Readable.from(['hello'])),
    guestAgent: () => Promise.resolve(false),
    guestFacts: () => Promise.resolve({ addresses: [], os: null }),
    setPassword: () => Promise.resolve('no_agent' as const),
    askGuest: () => Promise.resolve({ outcome: 'failed', why: 'no_agent' } as const),
    grow: () => Promise.resolve(),
    confine: () => Promise.resolve(),
  }
}

export function fakeState(host: FakeHost): State {
  return {
    folder(name) {
      const folder = host.disk.get(name) ?? new Map<string, string>()
      host.disk.set(name, folder)
      return {
        read: () => Promise.resolve(new Map([...folder].map(([key, text]) => [key, JSON.parse(text) as unknown]))),
        write(changes: readonly StateChange[]) {
          host.hook(`before write ${name}`)
          for (const change of changes) {
            if (change.value === undefined) folder.delete(change.name)
            else folder.set(change.name, JSON.stringify(change.value))
          }
          host.hook(`after write ${name}`)
          return Promise.resolve()
        },
      }
    },
  }
}

export interface FakeController extends LinkDialler {
  readonly got: AgentFrame[]
  send(frame: ControllerFrame): void
  drop(): void
  dials: number
  refuse: boolean
  /** Answers no ping. */
  silent: boolean
  /** What its pongs grant; null: nothing. */
  lease_ms: number | null
}

export function fakeController(): FakeController {
  let handlers: LinkHandlers | null = null
  const controller: FakeController = {
    urls: ['wss://one', 'wss://two'],
    got: [],
    dials: 0,
    refuse: false,
    silent: false,
    lease_ms: null,
    dial(_url, given) {
      controller.dials++
      if (controller.refuse) return Promise.reject(new Error('refused'))
      handlers = given
      return Promise.resolve({
        send: text => {
          const frame = JSON.parse(text) as AgentFrame
          controller.got.push(frame)
          if (frame.type !== 'ping' || frame.quiet || controller.silent) return
          const { lease_ms } = controller
          controller.send({ type: 'pong', sent_ms: frame.sent_ms, ...(lease_ms !== null && { lease_ms }) })
        },
        close: () => given.closed('closed'),
      })
    },
    stream: () => Promise.reject(new Error('no streams here')),
    send: frame => handlers?.message(JSON.stringify(frame)),
    drop: () => handlers?.closed('dropped'),
  }
  return controller
}

export const facts = { hostname: 'h1' } as HostFacts

export const noGuestData = {
  prepare: () => Promise.resolve(null),
  prepared: () => Promise.resolve(null),
  remove: () => Promise.resolve(),
}
