/**
 * nftables through `nft -j`: one table of ours, replaced as a whole in one kernel transaction. Other tables are never
 * written. The notation of rules is libnftables-json(5). Usable alone; needs root.
 */
import { randomUUID } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProgramFailure, runProgram } from './program.ts'

export type Family = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev'

/** A statement as libnftables-json(5) has it. */
export type Statement = Readonly<Record<string, unknown>>

export type BaseChain = {
  readonly name: string
  readonly type: 'filter' | 'nat' | 'route'
  readonly hook: string
  readonly prio: number
  readonly policy?: 'accept' | 'drop'
  /** For family netdev. */
  readonly dev?: string
  readonly rules: readonly (readonly Statement[])[]
}

export type ChainSeen = {
  readonly family: string
  readonly table: string
  readonly name: string
  readonly hook?: string
  readonly policy?: string
}

/** Makes the table exactly this, whatever was in it. Throws ProgramFailure; then nothing has changed. */
export async function replaceTable(family: Family, name: string, chains: readonly BaseChain[]): Promise<void> {
  const table = { table: { family, name } }
  // To delete needs it to be there, so: add, delete, add, all in one transaction.
  const commands: unknown[] = [{ add: table }, { delete: table }, { add: table }]
  for (const { rules, name: chain, ...hook } of chains) {
    commands.push({ add: { chain: { family, table: name, name: chain, ...hook } } })
    for (const expr of rules) commands.push({ add: { rule: { family, table: name, chain, expr } } })
  }
  await apply(commands)
}

/** That there is no such table is no error. */
export async function deleteTable(family: Family, name: string): Promise<void> {
  const table = { table: { family, name } }
  await apply([{ add: table }, { delete: table }])
}

/** All chains there are, of everyone. Tables that only iptables-nft can read are left out by nft itself. */
export async function readChains(): Promise<ChainSeen[]> {
  const { nftables } = JSON.parse(await runProgram(['nft', '-j', 'list', 'chains'])) as {
    nftables: { chain?: ChainSeen }[]
  }
  return nftables.flatMap(item => (item.chain ? [item.chain] : []))
}

/**
 * Other people's rules that keep guests from reaching outside, in plain words. An accept in a table of ours does not lift a
 * drop in another: every base chain of the hook is asked (nft(8), "Chains").
 */
export function forwardingBlockers(chains: readonly ChainSeen[], own_table = 'croft'): string[] {
  return chains
    .filter(({ hook, policy, table: of }) => hook === 'forward' && policy === 'drop' && of !== own_table)
    .map(
      ({ family, table: of, name }) =>
        `Chain ${name} of nftables table ${family} ${of} drops what this host forwards; guests reach outside only if it accepts the external bridge's traffic`,
    )
}

/**
 * From a file: nft cannot read the socket that Node gives a child for standard input. It has no name while it is read, so that nothing of it
 * is left, whatever is killed.
 */
async function apply(nftables: readonly unknown[]): Promise<void> {
  const path = join(tmpdir(), `nft-${randomUUID()}`)
  await using file = await open(path, 'wx+', 0o600)
  await rm(path)
  const text = Buffer.from(JSON.stringify({ nftables }))
  await file.write(text, 0, text.length, 0)
  try {
    await runProgram(['nft', '-j', '-f', '/dev/stdin'], file)
  } catch (cause) {
    if (!(cause instanceof ProgramFailure) || !cause.stderr.includes('not supported')) throw cause
    const said = `${cause.stderr.trim()} (this kernel lacks a part of nftables that is needed)`
    throw new ProgramFailure(cause.argv, cause.code, said, { cause })
  }
}
