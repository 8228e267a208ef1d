/**
 * Addresses of subnets, each given to one port. Whoever allocates holds the subnet's row until the transaction ends, so
 * two never search at once; the primary key of port_address stands behind that.
 * The search begins where the last one ended, so that a freed address is not soon another machine's; it reads about as
 * many rows as addresses are asked for, however large the subnet is.
 */
import { sql } from 'kysely'
import {
  contains,
  type Family,
  formatAddress,
  formatCidr,
  isHostAddress,
  parseAddress,
  parseCidr,
} from '../../lib/ip.ts'
import { CloudError } from '../../model/errors.ts'
import { onConstraint } from './constraint.ts'
import { channels, type Tx } from './database.ts'

/** A subnet whose row this transaction has locked. `next` moves with each allocation. */
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

/**
 * What a port shall have: the `fixed` addresses; else one of `subnet_id`; else one IPv4 and one IPv6 address of
 * the network, as far as it has subnets of them.
 */
export interface Wish {
  port_id: string
  network_id: string
  subnet_id?: string | undefined
  fixed?: readonly string[] | undefined
  /** Addresses of this family only. */
  family?: Family
  /** A router's port takes its subnet's gateway address; nothing else may. */
  as_gateway?: boolean
}

export interface Allocation {
  network_id: string
  subnet_id: string
  port_id: string
  address: string
}

function number(text: string): bigint {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(`the database holds '${text}', which is not an address`)
  return parsed.value
}

/**
 * Locks the networks' subnets until the transaction ends. Call it once for all networks that the transaction will take
 * addresses from, after quota was charged: one order of locks for everyone.
 */
async function lock(tx: Tx, network_ids: readonly string[]): Promise<Pool[]> {
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
    where network_id = any(${network_ids}::uuid[]) order by id for no key update`.execute(tx)
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

/**
 * Gives every wish its addresses, in order of wishes. Throws no_address (naming the subnet), or for a fixed address
 * 'invalid' (not one that a port here may have) or 'conflict' (taken). Wakes the reconciler of networks.
 */
async function allocate(tx: Tx, pools: readonly Pool[], wishes: readonly Wish[]): Promise<Allocation[]> {
  const given: Allocation[] = []
  const used = new Map<string, Set<bigint>>(pools.map(pool => [pool.subnet_id, new Set()]))
  for (const wish of wishes) for (const address of wish.fixed ?? []) given.push(fixed(pools, used, wish, address))
  if (given.length > 0) await refuseTaken(tx, given)
  const groups = Map.groupBy(
    wishes.filter(wish => !wish.fixed?.length),
    wish => `${wish.subnet_id ?? wish.network_id} ${wish.family ?? ''}`,
  )
  for (const group of groups.values()) {
    const [first] = group
    if (!first) continue
    const { network_id, subnet_id } = first
    const mine = pools.filter(pool => pool.network_id === network_id && (!subnet_id || pool.subnet_id === subnet_id))
    if (subnet_id && mine.length === 0) throw new CloudError('not_found', `The network has no subnet ${subnet_id}.`)
    for (const family of first.family ? [first.family] : ([4, 6] as const)) {
      const candidates = mine.filter(pool => pool.family === family)
      if (candidates.length === 0) continue
      const found = await freeOf(tx, candidates, group.length, used)
      for (const [i, at] of found.entries()) given.push({ ...at, port_id: group[i]?.port_id ?? '' })
    }
  }
  await insert(tx, pools, given)
  const order = new Map(wishes.map((wish, i) => [wish.port_id, i]))
  return given.sort((a, b) => (order.get(a.port_id) ?? 0) - (order.get(b.port_id) ?? 0))
}

function fixed(pools: readonly Pool[], used: Map<string, Set<bigint>>, wish: Wish, text: string): Allocation {
  const refuse = (why: string) =>
    new CloudError('invalid', `The address ${text} cannot be used: ${why}.`, { address: text })
  const address = parseAddress(text)
  if (!address) throw refuse('it is not an IPv4 or IPv6 address')
  const mine = pools.filter(
    pool => pool.network_id === wish.network_id && (!wish.subnet_id || pool.subnet_id === wish.subnet_id),
  )
  const pool = mine.find(each => contains(each, address))
  if (!pool) {
    const there = mine.map(formatCidr).join(', ')
    throw refuse(there === '' ? 'the network has no subnet' : `it is outside the subnets ${there}`)
  }
  const canonical = formatAddress(address.family, address.value)
  if (!isHostAddress(pool, address.value)) throw refuse(`it is the network or broadcast address of ${formatCidr(pool)}`)
  if (address.value === pool.gateway && !wish.as_gateway) throw refuse(`it is the gateway of ${formatCidr(pool)}`)
  const set = used.get(pool.subnet_id)
  if (set?.has(address.value)) throw refuse('it is asked for twice')
  set?.add(address.value)
  return { network_id: pool.network_id, subnet_id: pool.subnet_id, port_id: wish.port_id, address: canonical }
}

async function refuseTaken(tx: Tx, given: readonly Allocation[]): Promise<void> {
  const { rows } = await sql<{ address: string }>`
    select host(a.address) as address from port_address a
    join jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as x(network_id uuid, address inet)
      on a.network_id = x.network_id and a.address = x.address
    limit 1`.execute(tx)
  if (rows[0]) throw taken(rows[0].address)
}

function taken(address: string): CloudError {
  return new CloudError('conflict', `The address ${address} is taken. Choose another, or leave it to Croft.`, {
    address,
  })
}

/** `count` free addresses of the pools, the first pool's before the next one's. */
async function freeOf(
  tx: Tx,
  pools: readonly Pool[],
  count: number,
  used: Map<string, Set<bigint>>,
): Promise<Omit<Allocation, 'port_id'>[]> {
  const found: Omit<Allocation, 'port_id'>[] = []
  for (const pool of pools) {
    if (found.length === count) break
    const { network_id, subnet_id, family } = pool
    for (const value of await free(tx, pool, count - found.length, used.get(subnet_id) ?? new Set())) {
      found.push({ network_id, subnet_id, address: formatAddress(family, value) })
    }
  }
  if (found.length === count) return found
  const names = pools.map(pool => `'${pool.name}' (${formatCidr(pool)})`).join(', ')
  throw new CloudError(
    'no_address',
    `The subnet ${names} has ${found.length} free addresses and ${count} are needed. Add a subnet, or delete what is not used.`,
    { subnet_ids: pools.map(pool => pool.subnet_id), asked: count, free: found.length },
  )
}

/** Up to `count` free addresses from `pool.next` on, then from the start; marks them used and moves `next` behind the last. */
async function free(tx: Tx, pool: Pool, count: number, used: Set<bigint>): Promise<bigint[]> {
  const found: bigint[] = []
  const next = pool.next >= pool.start && pool.next <= pool.end ? pool.next : pool.start
  const take = (from: bigint, to: bigint) => {
    for (let value = from; value <= to && found.length < count; value++) {
      if (value === pool.gateway || used.has(value)) continue
      used.add(value)
      found.push(value)
    }
  }
  for (const [from, to] of [
    [next, pool.end],
    [pool.start, next - 1n],
  ] as const) {
    let at = from
    let rows_max = count - found.length + 32
    while (at <= to && found.length < count) {
      const rows = await takenBetween(tx, pool, at, to, rows_max)
      for (const value of rows) {
        take(at, value - 1n)
        at = value + 1n
      }
      if (rows.length < rows_max) {
        take(at, to)
        break
      }
      // A crowded stretch: look further at once.
      rows_max = Math.min(rows_max * 4, 16_384)
    }
  }
  const last = found.at(-1)
  if (last !== undefined) pool.next = last === pool.end ? pool.start : last + 1n
  return found
}

async function takenBetween(tx: Tx, pool: Pool, from: bigint, to: bigint, rows_max: number): Promise<bigint[]> {
  const { rows } = await sql<{ address: string }>`
    select host(address) as address from port_address
    where subnet_id = ${pool.subnet_id} and address >= ${formatAddress(pool.family, from)}::inet
      and address <= ${formatAddress(pool.family, to)}::inet
    order by port_address.address limit ${rows_max}`.execute(tx)
  return rows.map(row => number(row.address))
}

async function insert(tx: Tx, pools: readonly Pool[], given: readonly Allocation[]): Promise<void> {
  if (given.length === 0) return
  const touched = new Set(given.map(each => each.subnet_id))
  const moved = pools
    .filter(pool => touched.has(pool.subnet_id))
    .map(pool => ({ id: pool.subnet_id, next: formatAddress(pool.family, pool.next) }))
  const statement = sql`
    with made as (
      insert into port_address (network_id, subnet_id, port_id, address)
      select network_id, subnet_id, port_id, address from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as x(network_id uuid, subnet_id uuid, port_id uuid, address inet)
    ), moved as (
      update subnet set next_address = x.next from jsonb_to_recordset(${JSON.stringify(moved)}::jsonb) as x(id uuid, next inet)
      where subnet.id = x.id
    )
    select pg_notify(${channels.network}, '')`.execute(tx)
  await onConstraint(statement, {
    port_address_pkey: () => taken(given.length === 1 ? (given[0]?.address ?? '') : 'of one of the ports'),
  })
}

export const address = { lock, allocate }
