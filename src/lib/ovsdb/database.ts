/**
 * What a program holds of one OVSDB database: the interface that the client (client.ts) and the database in memory
 * (memory.ts) share. Not its job: any doing.
 */
import type { EventEmitter } from 'node:events'
import type { Operation, OperationResult } from './operations.ts'
import type { Change, Replica } from './replica.ts'
import type { SchemaSource } from './schema.ts'

export interface DatabaseEvents {
  /** Rows of the replica changed; it already shows them. One event for one notification of the server. */
  change: [changes: readonly Change[]]
  /** Connected, and the replica is whole. Also after each reconnection. */
  connected: [remote: string]
  /** The connection ended; the replica keeps its last contents. Reconnection goes on by itself until close(). */
  disconnected: [reason: Error]
  /** A lock that was asked for with lock() was gained or lost. */
  lock: [name: string, held: boolean]
}

export interface TransactOptions {
  /** Aborted: a transaction that still waits is cancelled. */
  signal?: AbortSignal
}

export interface Database<S extends SchemaSource = SchemaSource> extends EventEmitter<DatabaseEvents> {
  readonly name: string
  readonly connected: boolean
  readonly replica: Replica<S>
  /**
   * Commits all operations or none. The changes are in the replica when the promise resolves.
   * Throws OvsdbTransactionError (which operation failed, and why; nothing changed), OvsdbConnectionError (see its
   * `outcome`) or OvsdbSchemaError (a table, column or value that the schema does not have).
   */
  transact(operations: readonly Operation[], options?: TransactOptions): Promise<readonly OperationResult[]>
  /** Asks for a lock of the server, now and after each reconnection; `holds` and the event tell when it is ours. */
  lock(name: string): void
  /** Takes the lock from its holder, who is told. */
  steal(name: string): void
  unlock(name: string): void
  holds(name: string): boolean
  close(): void
}
