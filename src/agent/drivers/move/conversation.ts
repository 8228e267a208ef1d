/** The source's line to the target's agent: dials through a relay process of its own, asks, and hears when the other end is gone. */
import { rm } from 'node:fs/promises'
import type { WantedMigration } from '../../../protocol/migration.ts'
import { parsePeerReply, type PeerReply, type PeerRequest } from '../../../protocol/peer.ts'
import type { Relay } from '../../peer/relay.ts'
import type { Sockets } from '../../peer/relay-words.ts'
import { Failure } from '../../ports.ts'
import type { MoverOptions } from './mover.ts'
import { makeSocketFolder, socketsOf } from './terms.ts'

/** The other end is gone, or says nonsense: what it made of the last request is not known. */
export class PeerLost extends Error {}

export interface Conversation {
  readonly relay: Relay
  readonly sockets: Sockets
  /** Aborted when the other end is gone. */
  readonly gone: AbortSignal
  /** Rejects with PeerLost, or with Failure when the answer is 'refused'. */
  ask(request: PeerRequest): Promise<PeerReply>
  end(): Promise<void>
}

/** Rejects with Failure when the target's agent cannot be reached. `owner` may take a moment: the relay starts meanwhile. */
export async function converse(
  { tls, run_dir, relays }: Pick<MoverOptions, 'tls' | 'run_dir' | 'relays'>,
  {
    instance_id,
    migration,
    owner: owner_soon,
  }: {
    instance_id: string
    migration: WantedMigration
    owner: Promise<{ uid: number; gid: number }>
  },
): Promise<Conversation> {
  const { dir, sockets } = socketsOf(run_dir, instance_id, migration.id.slice(-6))
  const relay = relays.take()
  let owner: { uid: number; gid: number }
  let host: string
  let port: number
  try {
    // First, so that a failure of it is heard of whatever else fails.
    owner = await owner_soon
    ;({ host, port } = splitAddress(migration.peer_address))
    await makeSocketFolder(dir, owner)
  } catch (error) {
    relay.end()
    throw error
  }
  const gone = new AbortController()
  const end = async () => {
    relay.end()
    relays.restock()
    await rm(dir, { recursive: true, force: true })
  }
  const { id, peer_host_id, secret } = migration
  const opened = relay.until(word => (word.on === 'session' ? word.session : undefined))
  relay.order({ do: 'dial', tls, host, port, coming: { migration: id, peer_host_id, secret, sockets }, owner })
  let session: number
  try {
    session = await opened
  } catch (error) {
    await end()
    throw new Failure(
      `The target host’s agent cannot be reached at ${String(migration.peer_address)}: ${(error as Error).message}`,
      {
        passing: true,
        cause: error,
      },
    )
  }
  const lost = () => gone.abort(new PeerLost('the target’s agent does not answer any more'))
  relay.on('word', word => {
    if (word.on === 'closed') lost()
  })
  relay.on('gone', lost)

  return {
    relay,
    sockets,
    gone: gone.signal,
    end,
    async ask(request) {
      gone.signal.throwIfAborted()
      const answered = new Promise<string>((resolve, reject) => {
        relay.on('word', word => {
          if (word.on === 'heard') resolve(word.text)
        })
        gone.signal.addEventListener('abort', () => reject(gone.signal.reason), { once: true })
      })
      relay.order({ do: 'say', session, text: JSON.stringify(request) })
      const reply = parsePeerReply(await answered)
      if (reply === null) throw new PeerLost('the target’s agent says what cannot be understood')
      if (reply.type === 'refused') throw new Failure(reply.reason)
      return reply
    },
  }
}

function splitAddress(address: string | undefined): { host: string; port: number } {
  const [, host, port] = /^\[?([0-9A-Za-z.:_-]+?)\]?:(\d{1,5})$/.exec(address ?? '') ?? []
  if (host === undefined || port === undefined) {
    throw new Failure('The controller did not say where the target host listens. Try the migration again.')
  }
  return { host, port: Number(port) }
}
