/**
 * What the target answers to each message of a source, and does for it with its own libvirtd: what waiting for, filling and starting the
 * guest's process takes. Who may speak, and in which order, is target.ts's.
 */
import { mkdir } from 'node:fs/promises'
import { isNoDomain, jobStatsFlag, Libvirt, LibvirtError, migrateFlag } from '../../../lib/libvirt/index.ts'
import type { MigrationProgress } from '../../../protocol/migration.ts'
import type { PeerReply, PeerRequest } from '../../../protocol/peer.ts'
import type { Relay } from '../../peer/relay.ts'
import type { RelayWord, Sockets } from '../../peer/relay-words.ts'
import { type Coming, Failure } from '../../ports.ts'
import { loadersOf } from '../libvirt/abilities.ts'
import { domainXml } from '../libvirt/domain-xml.ts'
import { movedDomainXml } from '../libvirt/moved-domain.ts'
import { keepConsole } from './console-history.ts'
import { mustFitProcessor } from './fitness.ts'
import { qemuUser } from './libvirt-user.ts'
import type { MoverOptions } from './mover.ts'
import { progressOf } from './progress.ts'
import { flagsOf, makeSocketFolder, paramsOf, type Terms, text } from './terms.ts'

/** Large guests: memory to be allocated, devices to be opened. */
const prepare_timeout_ms = 5 * 60_000
/** After the source said that all is sent. With postcopy most of the memory may still have to come. */
const finish_timeout_ms = 24 * 60 * 60_000

export interface Expected {
  readonly coming: Coming
  readonly dir: string
  readonly sockets: Sockets
  session: Session | null
}

/** One source's conversation; its requests are answered one after the other. */
export interface Session {
  readonly id: number
  queue: Promise<void>
  /** Set by its offer. */
  terms: Terms | null
  xml: string
  started_at: string | null
  libvirt: Libvirt | null
  /** libvirt waits for the guest, and has not been told how it ended. */
  prepared: boolean
}

/** The guest may run on this host, or have run: the source must hear nothing of its having failed. What it asks later tells. */
export class PerhapsHere extends Error {}

type RequestOf<Type extends PeerRequest['type']> = Extract<PeerRequest, { type: Type }>

export interface Answers {
  obey(of: Expected, session: Session, request: PeerRequest): Promise<PeerReply>
  /** Ends what waits for a guest. */
  giveUp(session: Session): Promise<void>
  /** The source has gone without an end. */
  left(of: Expected, session: Session): Promise<void>
}

export function createAnswers(options: MoverOptions, through: () => Relay | null): Answers {
  const { log, arrivals, guestData, machineState } = options
  function obey(of: Expected, session: Session, request: PeerRequest): Promise<PeerReply> {
    switch (request.type) {
      case 'offer':
        return offered(of, session, request)
      case 'begun':
        return begun(of, session, request)
      case 'performed':
        return performed(of, session, request)
      case 'offer_files':
        return filesOffered(of, session, request)
      case 'files_sent':
        return filesSent(of)
      case 'ask':
        return of.coming.standing().then(standing => ({
          type: 'standing',
          // One that is under way may still end in either way.
          standing: standing === 'never' && of.session !== null ? 'unsettled' : standing,
        }))
      default:
        return request satisfies never
    }
  }

  /** One source at a time, and none for what has come. */
  async function lead(of: Expected, session: Session): Promise<void> {
    if (of.session !== null && of.session !== session)
      throw new Failure('Another attempt of this move is still ending.')
    if (of.coming.refused()) throw new Failure('This host has told the source already that the guest will not come.')
    of.session = session
    if ((await of.coming.standing()) !== 'never') throw new Failure('The guest is on this host already.')
  }

  async function offered(of: Expected, session: Session, offer: RequestOf<'offer'>): Promise<PeerReply> {
    const { instance, migration } = of.coming
    await lead(of, session)
    mustBeAll(of, offer.disks)
    const incremental = await arrivals.fit(instance, offer.disks, 'live')
    const disks = await arrivals.located(instance)
    const config_drive = await guestData.prepared(instance)
    if (offer.machine !== undefined && offer.disks.length > 0) await machineState.arrived(instance, offer.machine)
    const libvirt = await Libvirt.connect({ path: options.path })
    session.libvirt = libvirt
    const own = domainXml({ instance, disks, config_drive }, options.host)
    session.xml = movedDomainXml(own, offer.xml, await loadersOf(libvirt, options.host))
    session.terms = { instance, migration, incremental, unsafe: false }
    session.started_at = offer.started_at
    await keepConsole(options, instance.id, offer, 'anew')
    // With libvirtd goes what it made for the guest; the source would find that out only when it sends on.
    libvirt.once('close', () => through()?.order({ do: 'hang_up', session: session.id }))
    await mustFitProcessor(libvirt, session.xml, options.host, { source: offer.host_cpu, own: await options.cpu() })
    return { type: 'accepted', xml: session.xml, incremental }
  }

  async function begun(of: Expected, session: Session, { cookie, unsafe }: RequestOf<'begun'>): Promise<PeerReply> {
    const { libvirt } = session
    if (session.terms === null || libvirt === null || session.prepared)
      throw new Failure('The source begins out of turn.')
    const bytes = Buffer.from(cookie, 'base64')
    // libvirt would take it for the guest's definition here.
    if (bytes.includes('<domain')) throw new Failure('The source sends a definition, which is this host’s to make.')
    session.terms = { ...session.terms, unsafe }
    await makeSocketFolder(of.dir, await qemuUser(libvirt))
    await mkdir(options.host.log_directory, { recursive: true, mode: 0o700 })
    const params = [text('destination_xml', session.xml), ...paramsOf(session.terms, of.sockets)]
    // When it goes over to postcopy is not told here. Until then libvirt ends it with this agent, and with its process the streams.
    const lasting = session.terms.migration.postcopy_after_s !== undefined
    through()?.order({ do: 'outlive', migration: session.terms.migration.id, lasting })
    session.prepared = true
    const prepared = await libvirt.migration.prepare3(bytes, flagsOf(session.terms), params, {
      timeout_ms: prepare_timeout_ms,
    })
    return { type: 'prepared', cookie: prepared.cookie.toString('base64') }
  }

  async function performed(of: Expected, session: Session, given: RequestOf<'performed'>): Promise<PeerReply> {
    if (!session.prepared) throw new Failure('The source ends what it did not begin.')
    if (given.cancelled) {
      await giveUp(session)
      return { type: 'finished', ok: false, cookie: '', reason: null }
    }
    await keepConsole(options, of.coming.instance.id, given, 'more')
    const cookie = await finish(of, session, Buffer.from(given.cookie, 'base64'))
    return { type: 'finished', ok: true, cookie: cookie.toString('base64'), reason: null }
  }

  /**
   * From here on the guest runs on this host, whatever becomes of the source. That it may is on disk first: should this host lose its
   * power now, it must not say later that it never had the guest.
   */
  async function finish(of: Expected, session: Session, cookie: Buffer): Promise<Buffer> {
    const { terms, libvirt } = session
    if (terms === null || libvirt === null) throw new Failure('The source ends what it did not begin.')
    await of.coming.mayRun(true)
    const flags = flagsOf(terms)
    const finished = await libvirt.migration
      .finish3(cookie, flags, paramsOf(terms, of.sockets), false, { timeout_ms: finish_timeout_ms })
      .catch(async (error: unknown) => {
        await notRun(of, libvirt, { flags, error })
        throw error
      })
    session.prepared = false
    try {
      await of.coming.arrived({
        started_at: session.started_at,
        progress: await howItWas(libvirt, of.coming.instance.id),
      })
    } catch (error) {
      // It runs here all the same, and is found here.
      log.error({ error, instance: of.coming.instance.id }, 'a guest has come, and that cannot be kept on disk')
    }
    libvirt.removeAllListeners('close')
    await libvirt.close()
    return finished.cookie
  }

  /**
   * libvirt's own word that it did not let the guest run, on disk before anybody is told so. Throws PerhapsHere without one: the connection to it
   * broke, or the guest may have run before the rest of its memory was lost (postcopy).
   */
  async function notRun(
    of: Expected,
    libvirt: Libvirt,
    { flags, error }: { flags: number; error: unknown },
  ): Promise<void> {
    const perhaps = (cause: unknown) => new PerhapsHere('whether the guest has run here is not known', { cause })
    if (!(error instanceof LibvirtError) || (flags & migrateFlag.postcopy) !== 0) throw perhaps(error)
    try {
      const { state } = await libvirt.domains.state({ uuid: of.coming.instance.id }).catch((cause: unknown) => {
        if (isNoDomain(cause)) return { state: 'shutoff' as const }
        throw cause
      })
      if (state !== 'shutoff') throw error
      await of.coming.mayRun(false)
    } catch (cause) {
      throw perhaps(cause)
    }
  }

  async function howItWas(libvirt: Libvirt, uuid: string): Promise<MigrationProgress | null> {
    try {
      const { values } = await libvirt.migration.jobStats({ uuid }, jobStatsFlag.completed)
      return progressOf(values, false)
    } catch (error) {
      log.debug({ error, instance: uuid }, 'libvirt does not tell how the move was')
      return null
    }
  }

  async function filesOffered(of: Expected, session: Session, offer: RequestOf<'offer_files'>): Promise<PeerReply> {
    const { instance, migration } = of.coming
    await lead(of, session)
    mustBeAll(of, offer.disks)
    await arrivals.fit(instance, offer.disks, 'cold')
    if (offer.machine !== undefined && offer.disks.length > 0) await machineState.arrived(instance, offer.machine)
    await keepConsole(options, instance.id, offer, 'anew')
    const files = await arrivals.files(instance, offer.disks)
    const byVolume = Object.fromEntries(files.map(({ volume_id, ...file }) => [volume_id, file]))
    through()?.order({ do: 'files', migration: migration.id, files: byVolume })
    const left = new Set(files.map(file => file.volume_id))
    const take = (word: RelayWord) => {
      if (word.on !== 'file' || word.migration !== migration.id) return
      if (word.error === null) left.delete(word.volume_id)
      else log.warn({ instance: instance.id, volume: word.volume_id, error: word.error }, 'a volume did not come whole')
    }
    through()?.on('word', take)
    missing.set(of, left)
    return { type: 'wanted_files' }
  }

  async function filesSent(of: Expected): Promise<PeerReply> {
    const left = missing.get(of)
    if (left === undefined || left.size > 0) throw new Failure('The source ends before all volumes have come.')
    through()?.order({ do: 'files', migration: of.coming.migration.id, files: {} })
    await arrivals.settle(of.coming.instance, new Set(of.coming.migration.copied_volumes))
    await of.coming.arrived({ started_at: null, progress: null })
    return { type: 'finished', ok: true, cookie: '', reason: null }
  }

  const missing = new WeakMap<Expected, Set<string>>()

  /** Everything that is to be copied is sent, and nothing else. */
  function mustBeAll({ coming }: Expected, disks: readonly { volume_id: string }[]): void {
    const wanted = [...coming.migration.copied_volumes].sort()
    const sent = disks.map(disk => disk.volume_id).sort()
    if (JSON.stringify(wanted) !== JSON.stringify(sent)) {
      throw new Failure('The source sends other volumes than those that are to come. Try the migration again.')
    }
  }

  /** libvirt ends what waits for a guest, when the connection that made it does. */
  async function giveUp(session: Session): Promise<void> {
    session.prepared = false
    session.libvirt?.removeAllListeners('close')
    await session.libvirt?.close()
    session.libvirt = null
  }

  /** The source has gone without an end. With postcopy its guest may run here, and the rest of it still come. */
  async function left(of: Expected, session: Session): Promise<void> {
    try {
      if (!session.prepared || session.libvirt === null) return
      const { state } = await session.libvirt.domains.state({ uuid: of.coming.instance.id })
      if (state === 'running') await finish(of, session, Buffer.alloc(0))
    } finally {
      await giveUp(session)
    }
  }

  return { obey, giveUp, left }
}
