/**
 * Addresses of subnets, each given to one port. Whoever allocates holds the subnet's row until the transaction ends, so
 * two never search at once; the primary key of port_address stands behind that.
 * The search begins where the last one ended, so that a freed address is not soon another machine's; it reads about as
 * many rows as addresses are asked for, however large the subnet is.
 */
import { sql } from 'kysely'
import { contains, type Family, formatAddress, formatCidr, isHostAddress, parseAddress } from '../../lib/ip.ts'
import { CloudError } from '../../model/errors.ts'
import { lockPools, number, type Pool, readPools } from './address-pool.ts'
import { channels, type Tx } from './database.ts'

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

/**
 * Gives every wish its addresses, in order of wishes. Throws no_address (naming the subnet), or for a fixed address
 * 'invalid' (not one that a port here may have) or 'conflict' (taken). Wakes the reconciler of networks.
 */
async function allocate(tx: Tx, pools: readonly Pool[], wishes: readonly Wish[]): Promise<Allocation[]> {
  const used: Used = new Map(pools.map(pool => [pool.subnet_id, new Set()]))
  const fixed = wishes.flatMap(wish => (wish.fixed ?? []).map(text => fixedOne(pools, used, wish, text)))
  const poolsFor = poolsBy(pools)
  const needs = wishes.filter(wish => !wish.fixed?.length).flatMap(wish => needsOf(poolsFor, wish))
  // Nearly always the next addresses are free: try them without a look, and search only for what was not.
  const guessed = guess(needs, used)
  const kept = await insert(tx, pools, [...fixed, ...guessed.given])
  const refused = fixed.find(each => !kept.has(each))
  if (refused) throw taken(refused.address)
  const left = [...guessed.left, ...guessed.needs.filter((_, i) => !kept.has(guessed.given[i]))]
  const searched = await search(tx, left, needs, used)
  if ((await insert(tx, pools, searched)).size < searched.length)
    throw new Error('an address was taken beside the lock')
  const order = new Map(wishes.map((wish, i) => [wish.port_id, i]))
  const given = [...fixed, ...guessed.given.filter(each => kept.has(each)), ...searched]
  return given.sort((a, b) => (order.get(a.port_id) ?? 0) - (order.get(b.port_id) ?? 0))
}

/** Whether `allocate` would do it now: throws what that would. Nothing is taken or locked. */
async function tryOut(tx: Tx, network_ids: readonly string[], wishes: readonly Wish[]): Promise<void> {
  const pools = await readPools(tx, network_ids, sql``)
  const used: Used = new Map(pools.map(pool => [pool.subnet_id, new Set()]))
  const fixed = wishes.flatMap(wish => (wish.fixed ?? []).map(text => fixedOne(pools, used, wish, text)))
  const had = await firstTaken(tx, fixed)
  if (had) throw taken(had)
  const poolsFor = poolsBy(pools)
  const needs = wishes.filter(wish => !wish.fixed?.length).flatMap(wish => needsOf(poolsFor, wish))
  await search(tx, needs, needs, used)
}

async function firstTaken(tx: Tx, asked: readonly Allocation[]): Promise<string | undefined> {
  if (asked.length === 0) return undefined
  const { rows } = await sql<{ address: string }>`
    select host(x.address) as address from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as x(network_id uuid, address inet)
    join port_address a on a.network_id = x.network_id and a.address = x.address limit 1`.execute(tx)
  return rows[0]?.address
}

/** Addresses given in this call, by subnet. */
type Used = Map<string, Set<bigint>>

/** One address, of any of these pools; the same array for all needs alike. */
interface Need {
  port_id: string
  pools: readonly Pool[]
}

/** By network or subnet, and family: made once, so that needs alike share one array. */
type PoolsFor = (network_id: string, subnet_id: string | undefined, family: Family) => readonly Pool[]

function poolsBy(pools: readonly Pool[]): PoolsFor {
  const known = new Map<string, readonly Pool[]>()
  return (network_id, subnet_id, family) => {
    const key = `${network_id} ${subnet_id} ${family}`
    const found = known.get(key) ?? pools.filter(pool => isOf(pool, network_id, subnet_id) && pool.family === family)
    known.set(key, found)
    return found
  }
}

function isOf(pool: Pool, network_id: string, subnet_id: string | undefined): boolean {
  return pool.network_id === network_id && (subnet_id === undefined || pool.subnet_id === subnet_id)
}

function needsOf(poolsFor: PoolsFor, { port_id, network_id, subnet_id, family }: Wish): Need[] {
  const needs = (family ? [family] : ([4, 6] as const)).flatMap((version): Need[] => {
    const pools = poolsFor(network_id, subnet_id, version)
    return pools.length > 0 ? [{ port_id, pools }] : []
  })
  if (subnet_id && needs.length === 0) throw new CloudError('not_found', `The network has no subnet ${subnet_id}.`)
  return needs
}

/** The next addresses of each need's first pool, up to the pool's end; what they do not reach to is left. */
function guess(needs: readonly Need[], used: Used): { given: Allocation[]; needs: Need[]; left: Need[] } {
  const given: Allocation[] = []
  const [served, left]: [Need[], Need[]] = [[], []]
  for (const need of needs) {
    const [pool] = need.pools
    const value = pool && nextOf(pool, used.get(pool.subnet_id) ?? new Set())
    if (!pool || value === null || value === undefined) {
      left.push(need)
      continue
    }
    served.push(need)
    given.push(allocation(need, pool, value))
  }
  return { given, needs: served, left }
}

function allocation({ port_id }: Need, { network_id, subnet_id, family }: Pool, value: bigint): Allocation {
  return { network_id, subnet_id, port_id, address: formatAddress(family, value) }
}

function nextOf(pool: Pool, used: Set<bigint>): bigint | null {
  let value = pool.next >= pool.start ? pool.next : pool.start
  while (value <= pool.end && (value === pool.gateway || used.has(value))) value++
  if (value > pool.end) return null
  used.add(value)
  pool.next = value === pool.end ? pool.start : value + 1n
  return value
}

/** For those left of all needs. */
async function search(tx: Tx, left: readonly Need[], all: readonly Need[], used: Used): Promise<Allocation[]> {
  const given: Allocation[] = []
  for (const [pools, group] of Map.groupBy(left, need => need.pools)) {
    const found = await freeOf(tx, pools, group.length, used)
    if (found.length < group.length) {
      const asked = all.filter(need => need.pools === pools).length
      throw noAddress(pools, asked, asked - group.length + found.length)
    }
    for (const [i, { pool, value }] of found.entries()) {
      const need = group[i]
      if (need) given.push(allocation(need, pool, value))
    }
  }
  return given
}

function fixedOne(pools: readonly Pool[], used: Used, wish: Wish, text: string): Allocation {
  const refuse = (why: string) =>
    new CloudError('invalid', `The address ${text} cannot be used: ${why}.`, { address: text })
  const address = parseAddress(text)
  if (!address) throw refuse('it is not an IPv4 or IPv6 address')
  const mine = pools.filter(each => isOf(each, wish.network_id, wish.subnet_id))
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

function taken(address: string): CloudError {
  return new CloudError('conflict', `The address ${address} is taken. Choose another, or leave it to Croft.`, {
    address,
  })
}

/** Up to `count` free addresses of the pools, the first pool's before the next one's. */
async function freeOf(
  tx: Tx,
  pools: readonly Pool[],
  count: number,
  used: Used,
): Promise<{ pool: Pool; value: bigint }[]> {
  const found: { pool: Pool; value: bigint }[] = []
  for (const pool of pools) {
    if (found.length === count) break
    const values = await free(tx, pool, count - found.length, used.get(pool.subnet_id) ?? new Set())
    for (const value of values) found.push({ pool, value })
  }
  return found
}

function noAddress(pools: readonly Pool[], asked: number, there: number): CloudError {
  const names = pools.map(pool => `'${pool.name}' (${formatCidr(pool)})`).join(', ')
  return new CloudError(
    'no_address',
    `The subnet ${names} has ${there} free addresses and ${asked} are needed. Add a subnet, or delete what is not used.`,
    { subnet_ids: pools.map(pool => pool.subnet_id), asked, free: there },
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

/** Adds what is free, and moves the subnets' cursors; returns what was added. */
async function insert(
  tx: Tx,
  pools: readonly Pool[],
  given: readonly Allocation[],
): Promise<Set<Allocation | undefined>> {
  if (given.length === 0) return new Set()
  const touched = new Set(given.map(each => each.subnet_id))
  const moved = pools
    .filter(pool => touched.has(pool.subnet_id))
    .map(pool => ({ id: pool.subnet_id, next: formatAddress(pool.family, pool.next) }))
  const { rows } = await sql<{ port_id: string; address: string }>`
    with made as (
      insert into port_address (network_id, subnet_id, port_id, address)
      select network_id, subnet_id, port_id, address from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as x(network_id uuid, subnet_id uuid, port_id uuid, address inet)
      on conflict (network_id, address) do nothing
      returning port_id, address
    ), moved as (
      update subnet set next_address = x.next from jsonb_to_recordset(${JSON.stringify(moved)}::jsonb) as x(id uuid, next inet)
      where subnet.id = x.id
    )
    select made.port_id, host(made.address) as address from made, (select pg_notify(${channels.network}, '')) as told`.execute(
    tx,
  )
  const made = new Set(rows.map(row => `${row.port_id} ${number(row.address)}`))
  return new Set(given.filter(each => made.has(`${each.port_id} ${number(each.address)}`)))
}

export const address = { lock: lockPools, allocate, tryOut }
