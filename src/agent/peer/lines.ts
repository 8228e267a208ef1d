/** A stream's beginning as lines of text: the opening, and messages. What comes after the last line that is asked for stays as it is. */
import type { Duplex, Readable } from 'node:stream'

const newline = 0x0a

/** The first line of a stream; what came behind it is put back. Rejects when it is longer than `bytes_max` or the stream ends. */
export function firstLine(stream: Readable, bytes_max: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let have = Buffer.alloc(0)
    const stop = () => {
      stream.pause()
      stream.off('data', take)
      stream.off('close', gone)
      stream.off('end', gone)
    }
    const gone = () => {
      stop()
      reject(new Error('the connection ended before it said what it is for'))
    }
    const take = (chunk: Buffer) => {
      have = Buffer.concat([have, chunk])
      const at = have.indexOf(newline)
      if (at < 0 && have.length <= bytes_max) return
      stop()
      if (at < 0 || at > bytes_max) return reject(new Error('the connection says more than it may'))
      if (at + 1 < have.length) stream.unshift(have.subarray(at + 1))
      resolve(have.toString('utf8', 0, at))
    }
    stream.on('data', take)
    stream.once('close', gone)
    stream.once('end', gone)
  })
}

/** Tells each further line that is not empty; destroys the stream when one is longer than `bytes_max`. */
export function eachLine(stream: Readable, bytes_max: number, tell: (line: string) => void): void {
  let parts: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    let rest = chunk
    for (let at = rest.indexOf(newline); at >= 0; at = rest.indexOf(newline)) {
      const line = Buffer.concat([...parts, rest.subarray(0, at)]).toString('utf8')
      if (line !== '') tell(line)
      rest = rest.subarray(at + 1)
      parts = []
      bytes = 0
    }
    parts.push(rest)
    bytes += rest.length
    if (bytes > bytes_max) stream.destroy(new Error('the other host says more than it may'))
  })
}

export interface Beats {
  readonly every_ms: number
  /** So many in a row without a word from the other end, and the stream is given up. */
  readonly missed_max: number
}

/** A host or network that is gone says nothing of it, and the kernel takes minutes to find out: here it is 12 s at most. */
const usual: Beats = { every_ms: 2_000, missed_max: 5 }

/**
 * Empty lines now and then, both ways; a stream on which nothing comes for too long is destroyed. It counts its own beats, not the
 * time: a process that stood still itself finds what came meanwhile before it has missed enough.
 */
export function beat(stream: Duplex, { every_ms, missed_max }: Beats = usual): void {
  let missed = 0
  stream.on('data', () => (missed = 0))
  const timer = setInterval(() => {
    if (missed++ >= missed_max) stream.destroy(new Error('the other host is silent'))
    else if (stream.writable) stream.write('\n')
  }, every_ms)
  stream.once('close', () => clearInterval(timer))
}
