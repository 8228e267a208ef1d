/**
 * The target's part of moves: waits for sources (through the relay), answers each of their messages, and has its own libvirtd make,
 * fill and start the guest's process. What it makes is what it was told to want; see moved-domain.ts. A source that goes away in
 * between takes its half-come guest with it, unless that runs here already.
 */
import { mkdir, rm, chown } from 'node:fs/promises'
import { jobStatsFlag, Libvirt } from '../../../lib/libvirt/index.ts'
import type { MigrationProgress } from '../../../protocol/migration.ts'
import { parsePeerRequest, type PeerReply, type PeerRequest } from '../../../protocol/peer.ts'
import { Relay } from '../../peer/relay.ts'
import type { RelayWord, Sockets } from '../../peer/relay-words.ts'
import { type Coming, Failure } from '../../ports.ts'
import { domainXml } from '../libvirt/domain-xml.ts'
import { explain } from '../libvirt/explain.ts'
import { movedDomainXml, UnfitDomain } from '../libvirt/moved-domain.ts'
import { mustFitProcessor } from './fitness.ts'
import { qemuUser } from './libvirt-user.ts'
import type { MoverOptions } from './mover.ts'
import { progressOf } from './progress.ts'
import { flagsOf, paramsOf, socketsOf, type Terms, text } from './terms.ts'

/** Large guests: memory to be allocated, devices to be opened. */
const prepare_timeout_ms = 5 * 60_000
/** After the source said that all is sent. With postcopy most of the memory may still have to come. */
const finish_timeout_ms = 24 * 60 * 60_000

interface Expected {
  readonly coming: Coming
  readonly dir: string
  readonly sockets: Sockets
  session: Session | null
}

/** One source's conversation; its requests are answered one after the other. */
interface Session {
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

type RequestOf<Type extends PeerRequest['type']> = Extract<PeerRequest, { type: Type }>

export interface Target {
  expect(coming: Coming): Promise<{ address: string }>
  isComing(instance_id: string): boolean
  dismiss(instance_id: string): Promise<void>
  stop(): Promise<void>
}

export function createTarget(options: MoverOptions): Target {
  const { log, arrivals, guestData } = options
  /** By migration. */
  const expected = new Map<string, Expected>()
  const sessions = new Map<number, { expected: Expected; session: Session }>()
  let relay: { relay: Relay; port: Promise<number> } | null = null

  /** Listens from the first that is expected to the last. */
  function listening(): { relay: Relay; port: Promise<number> } {
    if (relay !== null && !relay.relay.gone) return relay
    const made = new Relay()
    const port = made.until(word => (word.on === 'listening' ? word.port : undefined))
    relay = { relay: made, port }
    made.on('word', heard)
    made.on('gone', () => {
      if (relay?.relay === made) relay = null
      for (const id of [...sessions.keys()]) closed(id)
      // What is still expected is asked for again by the reconciler, which is woken.
      for (const { coming } of expected.values()) options.lost(coming.instance.id)
    })
    const { tls, address } = options
    made.order({ do: 'listen', tls, address, port: options.port })
    return relay
  }

  function heard(word: RelayWord): void {
    if (word.on === 'session') {
      const found = expected.get(word.migration)
      if (found === undefined) return
      const session: Session = {
        id: word.session,
        queue: Promise.resolve(),
        terms: null,
        xml: '',
        started_at: null,
        libvirt: null,
        prepared: false,
      }
      sessions.set(word.session, { expected: found, session })
    } else if (word.on === 'heard') {
      const found = sessions.get(word.session)
      if (found === undefined) return
      const { session } = found
      session.queue = session.queue.then(() => answer(found.expected, session, word.text))
    } else if (word.on === 'closed') closed(word.session)
  }

  function say(session: Session, reply: PeerReply): void {
    relay?.relay.order({ do: 'say', session: session.id, text: JSON.stringify(reply) })
  }

  async function answer(of: Expected, session: Session, line: string): Promise<void> {
    const request = parsePeerRequest(line)
    const { id } = of.coming.instance
    if (request === null) {
      log.warn({ instance: id }, 'the source of a move says what cannot be understood; it is cut off')
      relay?.relay.order({ do: 'hang_up', session: session.id })
      return
    }
    try {
      say(session, await obey(of, session, request))
    } catch (error) {
      log.warn({ instance: id, error, asked: request.type }, 'a move to this host goes no further')
      await giveUp(session)
      const reason = error instanceof Failure || error instanceof UnfitDomain ? error.message : explain(error)
      const cut = reason.slice(0, 2000)
      say(
        session,
        request.type === 'performed' || request.type === 'files_sent'
          ? { type: 'finished', ok: false, cookie: '', reason: cut }
          : { type: 'refused', reason: cut },
      )
    }
  }

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
    of.session = session
    if ((await of.coming.standing()) !== 'never') throw new Failure('The guest is on this host already.')
  }

  async function offered(of: Expected, session: Session, offer: RequestOf<'offer'>): Promise<PeerReply> {
    const { instance, migration } = of.coming
    await lead(of, session)
    mustBeAll(of, offer.disks)
    const incremental = await arrivals.fit(instance, offer.disks, 'live')
    const disks = await arrivals.located(instance)
    const config_drive = await guestData.prepare(instance)
    const own = domainXml({ instance, disks, config_drive }, options.host)
    session.xml = movedDomainXml(own, offer.xml)
    session.terms = { instance, migration, incremental, unsafe: false }
    session.started_at = offer.started_at
    const libvirt = await Libvirt.connect({ path: options.path })
    session.libvirt = libvirt
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
    const { uid, gid } = await qemuUser(libvirt)
    await rm(of.dir, { recursive: true, force: true })
    await mkdir(of.dir, { recursive: true, mode: 0o700 })
    await chown(of.dir, uid, gid)
    await mkdir(options.host.log_directory, { recursive: true, mode: 0o700 })
    const params = [text('destination_xml', session.xml), ...paramsOf(session.terms, of.sockets)]
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
    const cookie = await finish(of, session, Buffer.from(given.cookie, 'base64'))
    return { type: 'finished', ok: true, cookie: cookie.toString('base64'), reason: null }
  }

  /** From here on the guest runs on this host, whatever becomes of the source. */
  async function finish(of: Expected, session: Session, cookie: Buffer): Promise<Buffer> {
    const { terms, libvirt } = session
    if (terms === null || libvirt === null) throw new Failure('The source ends what it did not begin.')
    const finished = await libvirt.migration.finish3(cookie, flagsOf(terms), paramsOf(terms, of.sockets), false, {
      timeout_ms: finish_timeout_ms,
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
    await libvirt.close()
    return finished.cookie
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
    const files = await arrivals.files(instance, offer.disks)
    const byVolume = Object.fromEntries(files.map(({ volume_id, ...file }) => [volume_id, file]))
    relay?.relay.order({ do: 'files', migration: migration.id, files: byVolume })
    const left = new Set(files.map(file => file.volume_id))
    const take = (word: RelayWord) => {
      if (word.on === 'file' && word.migration === migration.id && word.error === null) left.delete(word.volume_id)
    }
    relay?.relay.on('word', take)
    missing.set(of, left)
    return { type: 'wanted_files' }
  }

  async function filesSent(of: Expected): Promise<PeerReply> {
    const left = missing.get(of)
    if (left === undefined || left.size > 0) throw new Failure('The source ends before all volumes have come.')
    relay?.relay.order({ do: 'files', migration: of.coming.migration.id, files: {} })
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
    await session.libvirt?.close()
    session.libvirt = null
  }

  function closed(id: number): void {
    const found = sessions.get(id)
    if (found === undefined) return
    sessions.delete(id)
    const { expected: of, session } = found
    session.queue = session.queue
      .then(() => left(of, session))
      .catch(error => log.warn({ error, instance: of.coming.instance.id }, 'a move that broke off did not end well'))
      .finally(() => {
        if (of.session === session) of.session = null
        options.lost(of.coming.instance.id)
      })
  }

  /** The source has gone without an end. With postcopy its guest may run here, and the rest of it still come. */
  async function left(of: Expected, session: Session): Promise<void> {
    if (session.prepared && session.libvirt !== null) {
      const { state } = await session.libvirt.domains.state({ uuid: of.coming.instance.id })
      if (state === 'running') await finish(of, session, Buffer.alloc(0))
    }
    await giveUp(session)
  }

  return {
    async expect(coming) {
      const { migration, instance } = coming
      const { relay: through, port } = listening()
      const { dir, sockets } = socketsOf(options.run_dir, instance.id, migration.id.slice(-6))
      if (!expected.has(migration.id)) expected.set(migration.id, { coming, dir, sockets, session: null })
      const { peer_host_id, secret } = migration
      through.order({ do: 'expect', coming: { migration: migration.id, peer_host_id, secret, sockets } })
      try {
        return { address: addressOf(options.address, await port) }
      } catch (error) {
        expected.delete(migration.id)
        throw new Failure(
          `This host's agent cannot listen for others on ${addressOf(options.address, options.port)}: ${explain(error)}`,
          { passing: true, cause: error },
        )
      }
    },

    isComing: id => [...expected.values()].some(of => of.coming.instance.id === id && of.session !== null),

    async dismiss(instance_id) {
      for (const [migration, of] of expected) {
        if (of.coming.instance.id !== instance_id) continue
        expected.delete(migration)
        relay?.relay.order({ do: 'dismiss', migration })
        for (const [id, { expected: whose, session }] of sessions) {
          if (whose !== of) continue
          closed(id)
          await session.queue
        }
        await rm(of.dir, { recursive: true, force: true })
      }
      if (expected.size > 0) return
      relay?.relay.end()
      relay = null
    },

    async stop() {
      const all = [...sessions.values()]
      relay?.relay.end()
      relay = null
      for (const { session } of all) await giveUp(session)
    },
  }
}

function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
