/** Sealing the audit log and checking it: store/audit-chain.ts says what the chain is. */
import type { AuditVerdict } from '../../api/audit.ts'
import { SealBroken } from '../../lib/sealer.ts'
import type { Cloud } from '../cloud.ts'
import { auditChain, firstHash, type Link, linkHash } from '../store/audit-chain.ts'
import type { Db } from '../store/database.ts'
import { event } from '../store/event.ts'
import { secret } from '../store/secret.ts'

type Parts = Pick<Cloud, 'database' | 'sealer'>

const batch = 1000
const headName = 'audit-head'

interface Head {
  sealed_seq: number
  hash: Buffer
}

async function readHead(db: Db, cloud: Parts): Promise<Head | null> {
  const sealed = await secret.find(db, headName)
  if (!sealed) return null
  const kept = JSON.parse(Buffer.from(cloud.sealer.unseal(headName, sealed)).toString()) as {
    sealed_seq: number
    hash: string
  }
  return { sealed_seq: kept.sealed_seq, hash: Buffer.from(kept.hash, 'hex') }
}

function sealHead(cloud: Parts, { sealed_seq, hash }: Head): Uint8Array {
  return cloud.sealer.seal(headName, Buffer.from(JSON.stringify({ sealed_seq, hash: hash.toString('hex') })))
}

/** Chains up the next rows; true when there may be more. Does nothing while another controller is at it. */
export function sealNext(cloud: Parts): Promise<boolean> {
  return cloud.database.transaction(async tx => {
    if (!(await auditChain.tryLock(tx))) return false
    const rows = await auditChain.unsealed(tx, batch)
    if (rows.length === 0) return false
    let head = (await readHead(tx, cloud)) ?? { sealed_seq: 0, hash: firstHash }
    const links: Link[] = []
    for (const { seq, canonical } of rows) {
      const sealed_seq = head.sealed_seq + 1
      head = { sealed_seq, hash: linkHash(head.hash, sealed_seq, canonical) }
      links.push({ seq, ...head })
    }
    await auditChain.seal(tx, links)
    await secret.put(tx, headName, sealHead(cloud, head))
    const resource_id = rows.at(-1)?.request_id ?? ''
    await event.record(tx, [{ noun: 'audit', kind: 'changed', resource_id, project_id: null }])
    return rows.length === batch
  })
}

/** Walks the whole chain, in batches. Names the first row that is not as it was sealed. */
export async function verifyAudit(cloud: Parts): Promise<AuditVerdict> {
  const { db } = cloud.database
  const unsealed = await auditChain.countUnsealed(db)
  const broken = (rows: number, first_broken_seq: number | null, reason: string): AuditVerdict => ({
    whole: false,
    rows,
    unsealed,
    first_broken_seq,
    reason,
  })
  let end: Head | null
  try {
    end = await readHead(db, cloud)
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error
    return broken(0, null, `The end of the chain, kept sealed, does not open: ${error.message}`)
  }
  let at: Head = { sealed_seq: 0, hash: firstHash }
  for (;;) {
    const rows = await auditChain.after(db, at.sealed_seq, batch)
    for (const { seq, sealed_seq, hash, canonical } of rows) {
      const place = at.sealed_seq + 1
      if (sealed_seq !== place) {
        return broken(
          at.sealed_seq,
          seq,
          `Rows before this one were taken out: it is number ${sealed_seq}, and ${place} is missing.`,
        )
      }
      const expected = linkHash(at.hash, place, canonical)
      if (!hash?.equals(expected)) return broken(at.sealed_seq, seq, 'This row is not as it was when it was sealed.')
      if (end?.sealed_seq === place && !end.hash.equals(expected)) {
        return broken(
          at.sealed_seq,
          seq,
          'The chain up to this row is not the one that was sealed: it was written anew.',
        )
      }
      at = { sealed_seq: place, hash: expected }
    }
    if (rows.length < batch) break
  }
  if (at.sealed_seq > 0 && !end) return broken(at.sealed_seq, null, 'The sealed end of the chain was taken out.')
  if (end && at.sealed_seq < end.sealed_seq) {
    return broken(at.sealed_seq, null, `The last ${end.sealed_seq - at.sealed_seq} sealed rows were taken out.`)
  }
  return { whole: true, rows: at.sealed_seq, unsealed, first_broken_seq: null, reason: null }
}
