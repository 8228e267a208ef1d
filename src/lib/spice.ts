/**
 * How a SPICE client begins a connection, as far as a proxy must understand it (spice-protocol, "link message"): each of screen,
 * pointer and keyboard has a connection of its own, and the first, main, is what the others refer to. What follows passes unseen.
 */

export class MalformedSpice extends Error {}

/** SPICE's channel types; sound, USB, cards and folders of the client are not for guests of a cloud, and are not let through. */
const channels: ReadonlyMap<number, SpiceChannel> = new Map([
  [1, 'main'],
  [2, 'display'],
  [3, 'inputs'],
  [4, 'cursor'],
])
export type SpiceChannel = 'main' | 'display' | 'inputs' | 'cursor'

const header_bytes = 16
/** Connection, channel's type and number, two counts and an offset. */
const link_bytes_min = 18
/** Capabilities are a few words. */
const link_bytes_max = 1024

/** One connection's beginning, in pieces of any size. */
export class SpiceLink {
  #head: Buffer = Buffer.alloc(0)
  #channel: SpiceChannel | null = null

  /** Null until it has said so. */
  get channel(): SpiceChannel | null {
    return this.#channel
  }

  /** What of this goes on to the server: nothing until the link message is whole, then everything. Throws MalformedSpice. */
  push(chunk: Buffer): Buffer {
    if (this.#channel !== null) return chunk
    if (this.#head.length + chunk.length > header_bytes + link_bytes_max) {
      // A client waits for the answer before it says more.
      throw new MalformedSpice('it does not wait for an answer')
    }
    this.#head = Buffer.concat([this.#head, chunk])
    this.#channel = channelOf(this.#head)
    if (this.#channel === null) return Buffer.alloc(0)
    const whole = this.#head
    this.#head = Buffer.alloc(0)
    return whole
  }
}

function channelOf(head: Buffer): SpiceChannel | null {
  const magic = 'REDQ'
  if (head.toString('latin1', 0, magic.length) !== magic.slice(0, head.length)) {
    throw new MalformedSpice('it does not begin as SPICE does')
  }
  if (head.length < header_bytes) return null
  if (head.readUInt32LE(4) !== 2) throw new MalformedSpice(`SPICE version ${head.readUInt32LE(4)}`)
  const size = head.readUInt32LE(12)
  if (size < link_bytes_min || size > link_bytes_max) throw new MalformedSpice(`a link message of ${size} bytes`)
  if (head.length < header_bytes + size) return null
  const type = head[header_bytes + 4] ?? 0
  const channel = channels.get(type)
  if (!channel) throw new MalformedSpice(`the channel type ${type}, which is not let through`)
  // Main begins a session, the others name the one they are of.
  if ((head.readUInt32LE(header_bytes) === 0) !== (channel === 'main')) {
    throw new MalformedSpice(`a ${channel} channel with ${channel === 'main' ? 'a' : 'no'} session`)
  }
  return channel
}
