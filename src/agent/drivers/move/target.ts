/**
 * The target's part of moves: waits for sources (through the relay), answers each of their messages, and has its own libvirtd make,
 * fill and start the guest's process. What it makes is what it was told to want; see moved-domain.ts. A source that goes away in
 * between takes its half-come guest with it, unless that runs here already.
 */
import { rm } from 'node:fs/promises'
import { parsePeerRequest, type PeerReply } from '../../../protocol/peer.ts'
import type { Relay } from '../../peer/relay.ts'
import type { RelayWord } from '../../peer/relay-words.ts'
import { type Coming, Failure } from '../../ports.ts'
import { explain } from '../libvirt/explain.ts'
import { UnfitDomain } from '../libvirt/moved-domain.ts'
import { createAnswers, type Expected, PerhapsHere, type Session } from './answers.ts'
import type { MoverOptions } from './mover.ts'
import { socketsOf } from './terms.ts'

export interface Target {
  expectSoon(): void
  expect(coming: Coming): Promise<{ address: string }>
  isComing(instance_id: string): boolean
  dismiss(instance_id: string): Promise<void>
  stop(): Promise<void>
}

export function createTarget(options: MoverOptions): Target {
  const { log, relays } = options
  /** By migration. */
  const expected = new Map<string, Expected>()
  const sessions = new Map<number, { expected: Expected; session: Session }>()
  let relay: { relay: Relay; port: Promise<number> } | null = null
  const { obey, giveUp, left } = createAnswers(options, () => relay?.relay ?? null)

  /** Listens from the first that is expected to the last. */
  function listening(): { relay: Relay; port: Promise<number> } {
    if (relay !== null && !relay.relay.gone) return relay
    const made = relays.take()
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
      if (error instanceof PerhapsHere) {
        relay?.relay.order({ do: 'hang_up', session: session.id })
        return
      }
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

  return {
    expectSoon() {
      // Whether it can listen is asked when it is to.
      listening().port.catch(() => undefined)
    },

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
      if (expected.size > 0 || relay === null) return
      relay.relay.end()
      relay = null
      relays.restock()
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
