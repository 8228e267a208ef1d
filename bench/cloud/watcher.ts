/**
 * A reader of the event stream that looks at each event as text: the cheapest way to see that an instance runs, or is gone.
 * Events never span chunks of the transfer coding in a way that matters here: what it looks for is inside one line.
 */
import type { Socket } from 'node:net'
import { openEventStream } from './event-stream.ts'

export interface Seen {
  /** `<noun>/<kind>` such as instance/changed. */
  id: string
  kind: string
  /** Of the instance, as the event shows it; null when it is gone. */
  state: string | null
}

const dataMark = '\ndata: '

export class Watcher {
  events = 0
  private readonly socket: Socket
  private text = ''
  private readonly see: (seen: Seen) => void

  private constructor(socket: Socket, see: (seen: Seen) => void) {
    this.socket = socket
    this.see = see
    // As text, byte for byte: all that is looked for is ASCII.
    socket.on('data', (chunk: Buffer) => this.take(chunk.toString('latin1')))
  }

  /** Resolves when the stream has begun: what happens from then on is seen. */
  static async open(url: string, token: string, query: string, see: (seen: Seen) => void): Promise<Watcher> {
    return new Watcher(await openEventStream(url, token, query), see)
  }

  close(): void {
    this.socket.destroy()
  }

  private take(chunk: string): void {
    const text = this.text + chunk
    let from = 0
    for (;;) {
      const begin = text.indexOf(dataMark, from)
      if (begin < 0) break
      const end = text.indexOf('\n', begin + dataMark.length)
      if (end < 0) {
        from = begin
        break
      }
      this.events++
      this.look(text.slice(begin + dataMark.length, end))
      from = end
    }
    this.text = text.slice(from)
  }

  private look(data: string): void {
    const id = /"resource_id":"([0-9a-f-]{36})"/.exec(data)?.[1]
    const kind = /"kind":"([a-z]+)"/.exec(data)?.[1]
    const state = /"state":"([a-z]+)"/.exec(data)?.[1] ?? null
    if (id !== undefined && kind !== undefined) this.see({ id, kind, state })
  }
}

/** Nothing that is measured takes so long: a bench that hangs says less than one that fails. */
const within_ms = 120_000

/** Who waits for an instance to run or to be gone. Each id is waited for at most once at a time. */
export class Arrivals {
  private readonly waiting = new Map<string, { until: string; resolve(): void; late: NodeJS.Timeout }>()
  /** Seen before anybody asked: an event may overtake the answer to the request that made it. */
  private readonly early = new Map<string, string>()
  readonly see = ({ id, kind, state }: Seen): void => {
    const now = kind === 'deleted' ? 'gone' : (state ?? kind)
    const one = this.waiting.get(id)
    if (!one) return void this.early.set(id, now)
    if (one.until !== now) return
    this.waiting.delete(id)
    clearTimeout(one.late)
    one.resolve()
  }

  when(id: string, until: 'running' | 'gone'): Promise<void> {
    if (this.early.get(id) === until) {
      this.early.delete(id)
      return Promise.resolve()
    }
    this.early.delete(id)
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`the instance ${id} was not ${until} within ${within_ms} ms`))
      this.waiting.set(id, { until, resolve, late: setTimeout(fail, within_ms) })
    })
  }
}
