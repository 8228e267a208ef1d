/**
 * The source's part of moves, which leads: begin here, prepare there, perform here, finish there, confirm here; or file by file for a
 * guest that is off. Until the target may run the guest, whatever fails leaves it running here. From then on only the target's word
 * counts: without it the guest stays paused here, and is asked for again (`ask`).
 */
import { hasCode, Libvirt, xmlFlag } from '../../../lib/libvirt/index.ts'
import type { WantedMigration } from '../../../protocol/migration.ts'
import type { Standing } from '../../../protocol/peer.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import { Failure, type Leaving, type Sent } from '../../ports.ts'
import { explain } from '../libvirt/explain.ts'
import { sentConsole } from './console-history.ts'
import { type Conversation, converse } from './conversation.ts'
import { type Pauses, pausesOf } from './downtime.ts'
import { forgetsWrites, mustBeMovable } from './fitness.ts'
import { call_timeout_ms, handOver, must } from './hand-over.ts'
import { qemuUser } from './libvirt-user.ts'
import { clearLeftovers } from './leftovers.ts'
import type { MoverOptions } from './mover.ts'
import { sendFiles } from './send-files.ts'
import { flagsOf, paramsOf, type Terms, text } from './terms.ts'
import { watchJob } from './watch-job.ts'

/** Memory that changes fast over a slow line takes long; `timeout_s` is what ends it. */
const perform_timeout_ms = 20 * 24 * 60 * 60_000

export interface Source {
  send(leaving: Leaving): Promise<Sent>
  ask(instance: WantedInstance, migration: WantedMigration): Promise<Standing>
  abort(instance_id: string): Promise<void>
  stop(): Promise<void>
}

export function createSource(options: MoverOptions): Source {
  const { path, log, arrivals, machineState } = options
  const open = new Set<Conversation>()

  async function withPeer<T>(
    instance_id: string,
    migration: WantedMigration,
    use: (peer: Conversation, libvirt: Libvirt) => Promise<T>,
  ): Promise<T> {
    await using libvirt = await Libvirt.connect({ path })
    const peer = await converse(options, { instance_id, migration, owner: qemuUser(libvirt) })
    open.add(peer)
    try {
      return await use(peer, libvirt)
    } finally {
      open.delete(peer)
      await peer.end()
    }
  }

  async function sendLive(leaving: Leaving): Promise<Sent> {
    const { instance, migration, signal } = leaving
    return withPeer(instance.id, migration, async (peer, watch) => {
      const domain = { uuid: instance.id }
      const { state } = await watch.domains.state(domain)
      if (state !== 'running' && state !== 'blocked') {
        throw new Failure(`The guest is not running (${state}), so it cannot move live.`)
      }
      const xml = await watch.domains.xml(domain, xmlFlag.migratable | xmlFlag.secure)
      const qemu = await watch.host.hypervisorVersion()
      mustBeMovable(xml, qemu)
      const pauses = pausesOf(migration, forgetsWrites(xml, qemu))
      if (migration.copied_volumes.length > 0) await clearLeftovers(watch, instance.id, log)
      const sent = await arrivals.leaving(instance, new Set(migration.copied_volumes))
      const disks = sent.map(({ path: _path, ...disk }) => disk)
      const { started_at } = leaving
      const { model, flags } = await options.cpu()
      const host_cpu = { model, flags: [...flags] }
      const written = await sentConsole(options, instance.id)
      const machine = disks.length > 0 && { machine: await machineState.sent(instance, 'live') }
      const offer = { type: 'offer' as const, xml, disks, started_at, host_cpu, ...written.before, ...machine }
      const offered = must(await peer.ask(offer), 'accepted')
      signal.throwIfAborted()
      // A connection of its own: when it ends without a word, libvirt lets the guest go on here.
      await using leader = await Libvirt.connect({ path })
      const terms = { instance, migration, incremental: offered.incremental, unsafe: false }
      return await lead(leaving, { peer, watch, leader, terms, pauses, xml: offered.xml, writtenSince: written.since })
    })
  }

  interface Lead {
    readonly peer: Conversation
    readonly watch: Libvirt
    readonly leader: Libvirt
    readonly terms: Terms
    readonly pauses: Pauses
    /** The domain as it will be there. */
    readonly xml: string
    /** On its console, since the offer. */
    writtenSince(): Promise<{ console?: string }>
  }

  async function lead(leaving: Leaving, at: Lead): Promise<Sent> {
    const { instance, signal } = leaving
    const { peer, watch, leader, pauses } = at
    const domain = { uuid: instance.id }
    const { cookie, terms } = await begin(at)
    const flags = flagsOf(terms)
    const params = paramsOf(terms, peer.sockets)
    const cancel = (confirmed: Buffer) =>
      leader.migration.confirm3(domain, confirmed, flags, params, true, { timeout_ms: call_timeout_ms })
    const job = watchJob({ leaving, watch, peer, pauses, clock: options.clock, log })
    let performed: { cookie: Buffer }
    try {
      const begun = { type: 'begun' as const, cookie: cookie.toString('base64'), unsafe: terms.unsafe }
      const ready = must(await peer.ask(begun), 'prepared')
      signal.throwIfAborted()
      await watch.migration.setMaxDowntime(domain, pauses.first_ms)
      job.begin()
      performed = await leader.migration.perform3(domain, Buffer.from(ready.cookie, 'base64'), flags, params, {
        timeout_ms: perform_timeout_ms,
      })
    } catch (error) {
      job.end()
      if (job.postcopy) return { outcome: 'unsure', reason: explain(error) }
      await peer.ask({ type: 'performed', cookie: '', cancelled: true }).catch((cause: unknown) => {
        log.debug({ cause, instance: instance.id }, 'the target hears of the failure by the end of the line')
      })
      await cancel(Buffer.alloc(0)).catch((cause: unknown) => {
        log.debug({ cause, instance: instance.id }, 'libvirt had ended the move by itself')
      })
      if (signal.aborted) throw signal.reason
      throw peer.gone.aborted ? new Failure(broken, { cause: error }) : error
    }
    // With postcopy most of the memory goes over only now.
    if (!job.postcopy) job.end()
    try {
      await leaving.handingOver()
      return await handOver(leaving.instance.id, { ...at, terms, log }, performed.cookie, job)
    } finally {
      job.end()
    }
  }

  /** libvirt's check that the domain there is this one, to the guest. */
  async function begin({ leader, terms, peer, xml }: Lead): Promise<{ cookie: Buffer; terms: Terms }> {
    const domain = { uuid: terms.instance.id }
    const begin3 = (with_terms: Terms) =>
      leader.migration.begin3(
        domain,
        flagsOf(with_terms),
        [text('destination_xml', xml), ...paramsOf(with_terms, peer.sockets)],
        { timeout_ms: call_timeout_ms },
      )
    try {
      return { ...(await begin3(terms)), terms }
    } catch (error) {
      if (!hasCode(error, 'migrate_unsafe') || !hasSharedDisk(terms)) throw error
      const unsafe = { ...terms, unsafe: true }
      return { ...(await begin3(unsafe)), terms: unsafe }
    }
  }

  return {
    async send(given) {
      const late = new AbortController()
      const { timeout_s, kind } = given.migration
      const timer =
        timeout_s === undefined ? null : options.clock.after(timeout_s * 1000, () => late.abort(tooLong(timeout_s)))
      const leaving = { ...given, signal: AbortSignal.any([given.signal, late.signal]) }
      try {
        return await (kind === 'live' ? sendLive(leaving) : sendCold(leaving))
      } catch (error) {
        const reason = error instanceof Failure ? error.message : explain(error)
        log.warn({ instance: given.instance.id, error }, 'a move ends; the guest stays on this host')
        return { outcome: 'stayed', reason }
      } finally {
        timer?.cancel()
      }
    },

    ask: (instance, migration) =>
      withPeer(instance.id, migration, async peer => must(await peer.ask({ type: 'ask' }), 'standing').standing),

    async abort(instance_id) {
      await using libvirt = await Libvirt.connect({ path })
      try {
        await libvirt.migration.abortJob({ uuid: instance_id })
      } catch (error) {
        if (!hasCode(error, 'operation_invalid', 'no_domain', 'operation_failed')) throw error
      }
    },

    async stop() {
      for (const peer of open) await peer.end()
    },
  }

  function sendCold(leaving: Leaving): Promise<Sent> {
    const { instance, migration } = leaving
    return withPeer(instance.id, migration, async peer => {
      const { before } = await sentConsole(options, instance.id)
      return sendFiles(leaving, before, peer, options)
    })
  }
}

const broken =
  'The connection to the target host’s agent broke. The guest goes on here; try again once both hosts reach each other.'

function tooLong(timeout_s: number): Failure {
  return new Failure(
    `The move did not end within ${timeout_s} s: the guest changes its memory or disks faster than they can be sent. Allow auto-converge or postcopy, more bandwidth or time, and try again.`,
  )
}

function hasSharedDisk({ instance, migration }: Terms): boolean {
  return instance.disks.some(disk => disk.role !== 'cdrom' && !migration.copied_volumes.includes(disk.volume_id))
}
