/** The one connection of a controller on which it is told of what others have changed. */
import { Socket } from 'node:net'
import pg from 'pg'

/** What a listener is told: the payload, or null when notices may have been missed (the connection was lost and is back). */
export type Notice = (payload: string | null) => void

/** For the connection to be there, and for each answer. */
const answer_ms_max = 10_000

const reconnect_ms = 250

export interface ListenerOptions {
  /** How the server is reached. */
  connection: pg.ClientConfig
  /** How often it is asked whether it lives; it may take as long again to answer. */
  check_ms: number
  onError(error: unknown): void
}

/** Listens for all channels, and comes back by itself. */
export class Listener {
  private readonly notices = new Map<string, Set<Notice>>()
  private client: pg.Client | undefined
  private closed = false
  private connecting: Promise<void> | undefined
  private listening: Promise<void> = Promise.resolve()
  private readonly connection: pg.ClientConfig
  private readonly check_ms: number
  private readonly onError: (error: unknown) => void

  constructor({ connection, check_ms, onError }: ListenerOptions) {
    this.connection = connection
    this.check_ms = check_ms
    this.onError = onError
  }

  add(channel: string, notice: Notice): () => void {
    const known = this.notices.get(channel)
    const set = known ?? new Set<Notice>()
    this.notices.set(channel, set.add(notice))
    if (!this.client) this.connecting ??= this.connect()
    else if (!known) this.listenTo(this.client, channel)
    return () => set.delete(notice)
  }

  /** One after the other: a client takes one query at a time. */
  private listenTo(client: pg.Client, channel: string): void {
    const listen = () => client.query(`listen ${pg.escapeIdentifier(channel)}`)
    // What was told between the asker's last look and this moment was not heard.
    this.listening = this.listening.then(listen).then(() => this.tell(channel, null), this.onError)
  }

  /** Who only listens does not notice that nobody speaks any more: a firewall forgot the connection, the server lost power. */
  private check(client: pg.Client, socket: Socket): void {
    const again = setTimeout(() => {
      if (this.client !== client) return
      const late = setTimeout(() => {
        this.onError(new Error('the connection that listens to the database is dead; making a new one'))
        // At once: a dead one never answers a goodbye.
        socket.destroy()
      }, this.check_ms)
      const alive = () => client.query('select')
      this.listening = this.listening
        .then(alive)
        .then(() => this.check(client, socket), this.onError)
        .finally(() => clearTimeout(late))
    }, this.check_ms)
    again.unref()
  }

  async close(): Promise<void> {
    this.closed = true
    await this.connecting
    await this.listening
    await this.client?.end()
  }

  private async connect(): Promise<void> {
    while (!this.closed) {
      const socket = new Socket()
      const client = new pg.Client({
        ...this.connection,
        connectionTimeoutMillis: answer_ms_max,
        query_timeout: answer_ms_max,
        stream: () => socket,
      })
      try {
        client.on('error', this.onError)
        client.on('notification', ({ channel, payload }) => this.tell(channel, payload ?? ''))
        await client.connect()
        for (const channel of this.notices.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`)
        client.once('end', () => this.lost())
        this.client = client
        this.connecting = undefined
        this.check(client, socket)
        for (const channel of this.notices.keys()) this.tell(channel, null)
        return
      } catch (error) {
        this.onError(error)
        // A dead one never answers a goodbye.
        socket.destroy()
        await client.end().catch(this.onError)
        await new Promise(resolve => setTimeout(resolve, reconnect_ms))
      }
    }
  }

  private lost(): void {
    this.client = undefined
    if (!this.closed) this.connecting = this.connect()
  }

  private tell(channel: string, payload: string | null): void {
    for (const notice of this.notices.get(channel) ?? []) notice(payload)
  }
}
