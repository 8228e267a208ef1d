/** Subnets as pools of addresses, locked while addresses are taken from them (address.ts). */
import { type RawBuilder, sql } from 'kysely'
import { type Family, parseAddress, parseCidr } from '../../lib/ip.ts'
import type { Tx } from './database.ts'

/** A subnet; to take addresses from it, its row must be locked. `next` moves with each allocation. */
export interface Pool {
  readonly subnet_id: string
  readonly network_id: string
  readonly name: string
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  readonly prefix_length: number
  readonly gateway: bigint | null
  readonly start: bigint
  readonly end: bigint
  readonly dhcp: boolean
  next: bigint
}

/** An address as the database writes it. */
export function number(text: string): bigint {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(`the database holds '${text}', which is not an address`)
  return parsed.value
}

/**
 * Locks the networks' subnets until the transaction ends. Call it once for all networks that the transaction will take
 * addresses from, after quota was charged: one order of locks for everyone.
 */
export function lockPools(tx: Tx, network_ids: readonly string[]): Promise<Pool[]> {
  return readPools(tx, network_ids, sql`for no key update`)
}

/** Without a lock only to look: what is free now may be taken at once. */
export async function readPools(tx: Tx, network_ids: readonly string[], lock: RawBuilder<unknown>): Promise<Pool[]> {
  const { rows } = await sql<{
    id: string
    network_id: string
    name: string
    cidr: string
    gateway: string | null
    pool_start: string
    pool_end: string
    next_address: string
    dhcp: boolean
  }>`select id, network_id, name, cidr, gateway, pool_start, pool_end, next_address, dhcp from subnet
    where network_id = any(${network_ids}::uuid[]) order by id ${lock}`.execute(tx)
  return rows.map(row => {
    const cidr = parseCidr(row.cidr)
    if (!cidr) throw new Error(`subnet ${row.id} has the CIDR '${row.cidr}', which is none`)
    return {
      ...cidr,
      subnet_id: row.id,
      network_id: row.network_id,
      name: row.name,
      gateway: row.gateway === null ? null : number(row.gateway),
      start: number(row.pool_start),
      end: number(row.pool_end),
      next: number(row.next_address),
      dhcp: row.dhcp,
    }
  })
}
