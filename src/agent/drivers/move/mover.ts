/** Moves between hosts, for real: over libvirt's protocol, and through relay processes to the other host's agent. See docs/design/0009. */
import { dirname } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import { Relay } from '../../peer/relay.ts'
import { createRelayStock, type RelayStock } from '../../peer/relay-stock.ts'
import type { PeerTls } from '../../peer/tls.ts'
import type { Arrivals, GuestData, Log, MachineState, Mover } from '../../ports.ts'
import type { DomainHost } from '../libvirt/domain-xml.ts'
import type { HostCpu } from './fitness.ts'
import { createSource } from './source.ts'
import { createTarget } from './target.ts'

export interface MoverOptions {
  /** libvirtd's socket. */
  readonly path: string
  /** The folder of that socket: where libvirt's processes may have sockets of their own. */
  readonly run_dir: string
  readonly relays: RelayStock
  readonly host: DomainHost
  readonly arrivals: Arrivals
  readonly guestData: GuestData
  readonly machineState: MachineState
  readonly tls: PeerTls
  /** Where other hosts reach this one. */
  readonly address: string
  /** 0: any that is free, for tests. */
  readonly port: number
  cpu(): Promise<HostCpu>
  /** Something that was expected ended from outside: look again. */
  lost(instance_id: string): void
  readonly clock: Clock
  readonly log: Log
}

/** `cache_dir`: of the agent's own, for what can be made anew. */
export function createMover(given: Omit<MoverOptions, 'run_dir' | 'relays'> & { cache_dir: string }): Mover {
  const relays = createRelayStock({ make: () => new Relay(given.cache_dir), clock: given.clock })
  const options = { ...given, relays, run_dir: dirname(given.path) }
  const target = createTarget(options)
  const source = createSource(options)
  return {
    expectSoon: target.expectSoon,
    expect: target.expect,
    isComing: target.isComing,
    dismiss: target.dismiss,
    send: source.send,
    ask: source.ask,
    abort: source.abort,
    async stop() {
      relays.stop()
      await Promise.all([target.stop(), source.stop()])
    },
  }
}
