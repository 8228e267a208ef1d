/**
 * How every connection between two agents begins, which is what relay processes speak; what follows on the one for messages is peer.ts's.
 * Checked by hand: a relay is started for each move, which waits for it, and a library of schemas is most of what such a start takes.
 */

/** More than a domain's XML with libvirt's cookie can be; whoever sends more is cut off. */
export const peerMessageBytesMax = 8 * 1024 * 1024

/**
 * The first line of every connection, at most this long. 'control': messages as in peer.ts. 'memory', 'disks': bytes for the process
 * that waits for the guest. 'file': one volume of a guest that is off.
 */
export const openingBytesMax = 4096
export const peerStreams = ['control', 'memory', 'disks', 'file'] as const
export type PeerStream = (typeof peerStreams)[number]

export interface Opening {
  readonly migration: string
  readonly secret: string
  readonly stream: PeerStream
  readonly volume_id?: string
  /**
   * With 'memory': the receiver is asked to tell on the connection for messages how much of it it has taken, naming this number. An older one
   * does not.
   */
  readonly taken_as?: number
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const isUuid = (value: unknown): value is string => typeof value === 'string' && uuid.test(value)

/** Null for anything that is not one. */
export function parseOpening(text: string): Opening | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { migration, secret, stream: named, volume_id, taken_as } = value as Record<string, unknown>
  const stream = peerStreams.find(each => each === named)
  if (!isUuid(migration) || stream === undefined) return null
  if (typeof secret !== 'string' || secret.length < 16 || secret.length > 128) return null
  if (taken_as !== undefined && !(Number.isSafeInteger(taken_as) && Number(taken_as) > 0 && Number(taken_as) < 1e9))
    return null
  const counted = taken_as === undefined ? {} : { taken_as: Number(taken_as) }
  if (volume_id === undefined) return { migration, secret, stream, ...counted }
  return isUuid(volume_id) ? { migration, secret, stream, volume_id } : null
}
