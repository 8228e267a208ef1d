/**
 * The locks that a client wants (RFC 7047 sections 4.1.8 to 4.1.10), asked for again on each connection, since the
 * server forgets them with it. Not its job: fencing writes: put an `assert` operation in each transaction.
 */
import type { Connection } from './connection.ts'
import { OvsdbConnectionError } from './errors.ts'

export class Locks {
  readonly #onChange: (name: string, held: boolean) => void
  readonly #wanted = new Map<string, { held: boolean }>()
  #connection: Connection | undefined

  constructor(onChange: (name: string, held: boolean) => void) {
    this.#onChange = onChange
  }

  want(name: string, how: 'lock' | 'steal'): void {
    if (this.#wanted.has(name) && how === 'lock') return
    if (!this.#wanted.has(name)) this.#wanted.set(name, { held: false })
    void this.#ask(name, how)
  }

  release(name: string): void {
    const lock = this.#wanted.get(name)
    if (!lock) return
    this.#wanted.delete(name)
    if (lock.held) this.#onChange(name, false)
    // A lost connection releases the lock as well.
    this.#connection?.request('unlock', [name]).catch(ignoreLostConnection)
  }

  holds(name: string): boolean {
    return this.#wanted.get(name)?.held ?? false
  }

  connected(connection: Connection): void {
    this.#connection = connection
    for (const name of this.#wanted.keys()) void this.#ask(name, 'lock')
  }

  disconnected(): void {
    this.#connection = undefined
    for (const name of this.#wanted.keys()) this.#set(name, false)
  }

  notified(method: 'locked' | 'stolen', name: string): void {
    this.#set(name, method === 'locked')
  }

  async #ask(name: string, how: 'lock' | 'steal'): Promise<void> {
    const connection = this.#connection
    if (!connection) return
    try {
      const { locked } = (await connection.request(how, [name])) as { locked?: boolean }
      if (locked === true && this.#connection === connection) this.#set(name, true)
    } catch (error) {
      ignoreLostConnection(error)
    }
  }

  #set(name: string, held: boolean): void {
    const lock = this.#wanted.get(name)
    if (!lock || lock.held === held) return
    lock.held = held
    this.#onChange(name, held)
  }
}

/** The lock is asked for again when the connection is back; anything else is a fault of this program. */
function ignoreLostConnection(error: unknown): void {
  if (!(error instanceof OvsdbConnectionError)) throw error
}
