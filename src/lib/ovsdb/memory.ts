/**
 * An OVSDB server in memory, for simulation: the same interface as the client, on the same schema constants, with
 * sessions, locks, transactions that commit whole or not at all, garbage collection by strong references, weak
 * references that clear themselves, unique indexes and maxRows (RFC 7047 sections 3.2 and 5.2).
 * Not its job: persistence, waiting `wait` operations (they only check), access control.
 */
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Database, DatabaseEvents } from './database.ts'
import { OvsdbConnectionError, OvsdbTransactionError } from './errors.ts'
import { Integrity } from './memory-integrity.ts'
import { MemoryTransaction } from './memory-transaction.ts'
import { nameOf, type Operation, type OperationResult } from './operations.ts'
import { type Change, type Replica, ReplicaStore } from './replica.ts'
import { parseSchema, type Schema, type SchemaSource } from './schema.ts'

export interface MemoryServerOptions {
  /** Where row ids come from; a seeded source makes a run repeatable. Default: random. */
  uuid?: () => string
}

export class MemoryServer<S extends SchemaSource> {
  readonly schema: Schema
  readonly store: ReplicaStore
  readonly #integrity: Integrity
  readonly #uuid: () => string
  readonly #sessions = new Set<MemorySession<S>>()
  /** Who holds and who waits, in order, for each lock. */
  readonly #locks = new Map<string, MemorySession<S>[]>()

  constructor(schema: S, options: MemoryServerOptions = {}) {
    this.schema = parseSchema(schema)
    this.store = new ReplicaStore(this.schema)
    this.#integrity = new Integrity(this.schema, this.store)
    this.#uuid = options.uuid ?? randomUUID
  }

  /** A session of its own, connected at once. All sessions see one replica. */
  connect(): MemorySession<S> {
    const session = new MemorySession<S>(this)
    this.#sessions.add(session)
    return session
  }

  /** Does all operations or throws OvsdbTransactionError; tells every session of the changes. */
  commit(session: MemorySession<S>, operations: readonly Operation[]): OperationResult[] {
    const transaction = new MemoryTransaction(this.schema, this.store, this.#uuid)
    transaction.nameRows(operations)
    const results = operations.map((operation, index) => {
      if (operation.op === 'assert' && !this.holds(session, operation.lock))
        throw new OvsdbTransactionError(
          index,
          nameOf(operation),
          'not owner',
          `${operation.lock} is held by another session`,
        )
      return transaction.run(operation, index)
    })
    this.#integrity.settle(transaction)
    const changes: Change[] = []
    for (const { table, uuid, after } of transaction.changes()) changes.push(this.store.set(table, uuid, after))
    if (changes.length > 0) for (const each of this.#sessions) each.emit('change', changes)
    return results
  }

  holds(session: MemorySession<S>, lock: string): boolean {
    return this.#locks.get(lock)?.[0] === session
  }

  acquire(session: MemorySession<S>, lock: string, how: 'lock' | 'steal'): void {
    const queue = this.#locks.get(lock) ?? []
    this.#locks.set(lock, queue)
    const holder = queue[0]
    if (holder === session || (how === 'lock' && queue.includes(session))) return
    if (how === 'lock') queue.push(session)
    else {
      const rest = queue.filter(each => each !== session && each !== holder)
      queue.splice(0, queue.length, session, ...rest)
      holder?.emit('lock', lock, false)
    }
    if (queue[0] === session) session.emit('lock', lock, true)
  }

  release(session: MemorySession<S>, lock: string): void {
    const queue = this.#locks.get(lock)
    if (!queue?.includes(session)) return
    const held = queue[0] === session
    queue.splice(queue.indexOf(session), 1)
    if (!held) return
    session.emit('lock', lock, false)
    queue[0]?.emit('lock', lock, true)
  }

  leave(session: MemorySession<S>): void {
    for (const lock of this.#locks.keys()) this.release(session, lock)
    this.#sessions.delete(session)
  }
}

export class MemorySession<S extends SchemaSource> extends EventEmitter<DatabaseEvents> implements Database<S> {
  readonly name: string
  readonly #server: MemoryServer<S>
  readonly replica: Replica<S>
  #open = true

  constructor(server: MemoryServer<S>) {
    super()
    this.setMaxListeners(0)
    this.#server = server
    this.name = server.schema.name
    this.replica = server.store.typed<S>()
  }

  get connected(): boolean {
    return this.#open
  }

  // Async like the client's, so that callers cannot come to depend on less.
  async transact(operations: readonly Operation[]): Promise<readonly OperationResult[]> {
    if (!this.#open) throw new OvsdbConnectionError(`${this.name}: the session was closed`, 'not_sent')
    await Promise.resolve()
    return this.#server.commit(this, operations)
  }

  lock(name: string): void {
    this.#server.acquire(this, name, 'lock')
  }

  steal(name: string): void {
    this.#server.acquire(this, name, 'steal')
  }

  unlock(name: string): void {
    this.#server.release(this, name)
  }

  holds(name: string): boolean {
    return this.#server.holds(this, name)
  }

  /** Ends the session for good and frees its locks, as the end of a process would. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#server.leave(this)
    this.emit('disconnected', new OvsdbConnectionError('the session was closed', 'not_sent'))
  }
}
