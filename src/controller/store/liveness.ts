/**
 * Notices dead connections to PostgreSQL. One that was cut without a word (a firewall that forgot it, a server that lost power)
 * looks alive for a quarter of an hour, and whoever asked over it waits as long. A statement may rightly take its time, so it
 * is not counted out: of one without an answer for a while the server is asked, over a connection of its own, whether it works on it.
 */
import pg from 'pg'

/** A statement without an answer for so long is asked about. */
const suspectAfter_ms = 5000
const lookEvery_ms = 1000
/** For a connection to ask over, and for its answer: who cannot be asked in this time is away. */
const askWithin_ms = 4000

export interface LivenessOptions {
  /** How the server is reached. */
  connection: pg.ClientConfig
  onError(error: unknown): void
  suspect_after_ms?: number
}

type Watched = pg.Client & { connection: { stream: { destroy(error?: Error): void } }; processID: number }

interface Asked {
  /** When each statement under way was sent; they are answered in this order. */
  since: number[]
}

export class Liveness {
  private readonly options: LivenessOptions
  private readonly clients = new Map<Watched, Asked>()
  private readonly timer: NodeJS.Timeout
  private looking = false

  constructor(options: LivenessOptions) {
    this.options = options
    this.timer = setInterval(() => void this.look(), lookEvery_ms)
    this.timer.unref()
  }

  /** Watches a connected client until it ends. */
  watch(connected: pg.ClientBase): void {
    // pg's types leave out what its documentation names: the socket and the server's process.
    const client = connected as Watched
    const asked: Asked = { since: [] }
    this.clients.set(client, asked)
    client.once('end', () => this.clients.delete(client))
    // One that is lent and has no statement under way tells nobody but here; what is next asked of it fails, and says so.
    client.on('error', () => undefined)
    const query = client.query.bind(client) as (...given: unknown[]) => unknown
    const watched = (...given: unknown[]) => {
      const answer = query(...given)
      if (answer instanceof Promise) {
        asked.since.push(performance.now())
        const done = () => void asked.since.shift()
        answer.then(done, done)
      }
      return answer
    }
    Object.assign(client, { query: watched })
  }

  close(): void {
    clearInterval(this.timer)
  }

  private suspects(): Watched[] {
    const before = performance.now() - (this.options.suspect_after_ms ?? suspectAfter_ms)
    return [...this.clients].flatMap(
      ([
        client,
        {
          since: [first],
        },
      ]) => (first !== undefined && first < before ? client : []),
    )
  }

  private async look(): Promise<void> {
    const suspects = this.suspects()
    if (this.looking || suspects.length === 0) return
    this.looking = true
    try {
      const working = await this.working(suspects.map(client => client.processID))
      const still = new Set(this.suspects())
      if (working === 'away') this.end([...this.clients.keys()])
      else this.end(suspects.filter(client => still.has(client) && !working.has(client.processID)))
    } catch (error) {
      // It answers, be it with a refusal: so it is there.
      this.options.onError(error)
    } finally {
      this.looking = false
    }
  }

  private end(dead: readonly Watched[]): void {
    if (dead.length === 0) return
    this.options.onError(new Error(`${dead.length} connections to the database are dead; making new ones`))
    for (const client of dead)
      client.connection.stream.destroy(new Error('Connection terminated: the database does not answer'))
  }

  /** Those of the server's processes that work on a statement; 'away' when nothing answers. */
  private async working(pids: readonly number[]): Promise<Set<number> | 'away'> {
    const client = new pg.Client({ ...this.options.connection, connectionTimeoutMillis: askWithin_ms })
    client.on('error', () => undefined)
    const late = Promise.withResolvers<'away'>()
    const timer = setTimeout(() => late.resolve('away'), askWithin_ms)
    const ask = async (): Promise<Set<number> | 'away'> => {
      try {
        await client.connect()
        const { rows } = await client.query<{ pid: number }>(
          "select pid from pg_stat_activity where pid = any($1) and state = 'active'",
          [pids],
        )
        return new Set(rows.map(row => row.pid))
      } catch (error) {
        // What carries an SQLSTATE was said by the server.
        if (error instanceof pg.DatabaseError) throw error
        return 'away'
      }
    }
    try {
      return await Promise.race([ask(), late.promise])
    } finally {
      clearTimeout(timer)
      // A dead one never answers a goodbye.
      ;(client as Watched).connection.stream.destroy()
    }
  }
}
