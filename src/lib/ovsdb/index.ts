/** The OVSDB client as one import. Not its job: anything else; see README.md. */
export { type ClientOptions, connectOvsdb, OvsdbClient } from './client.ts'
export type { Database, DatabaseEvents, TransactOptions } from './database.ts'
export * from './errors.ts'
export { MemoryServer, type MemoryServerOptions } from './memory.ts'
export {
  type Builders,
  byUuid,
  type Columns,
  type Condition,
  type Mutation,
  type Operation,
  type OperationResult,
  operations,
  operationsFor,
} from './operations.ts'
export type { TlsOptions } from './remote.ts'
export type { AnyRow, Change, Replica } from './replica.ts'
export {
  type Atom,
  parseSchema,
  type Row,
  type RowInput,
  type Schema,
  type SchemaSource,
  type TableName,
  type Value,
} from './schema.ts'
export { sameValue } from './values.ts'
