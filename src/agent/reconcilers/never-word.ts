/**
 * A target's word that it never ran a guest and never will, as it goes to the source by way of the controllers (docs/design/0009-moving.md).
 * It names the hand-over that it is about, which the source alone has named, and can be made only by who knows the migration's secret. So
 * neither a word of another migration or of an earlier try counts, nor what an older database kept of one.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { WantedMigration } from '../../protocol/migration.ts'

/** Of a target; `asked` as the source named it. RFC 2104, SHA-256, base64url. */
export function neverWord({ id, secret }: Pick<WantedMigration, 'id' | 'secret'>, asked: string): string {
  return createHmac('sha256', secret).update(`never ${id} ${asked}`).digest('base64url')
}

/** At the source: the controllers have brought the target's answer to what is asked now. */
export function saysNever(migration: Pick<WantedMigration, 'id' | 'secret' | 'never'>, asks: string): boolean {
  if (migration.never === undefined) return false
  const [said, right] = [Buffer.from(migration.never), Buffer.from(neverWord(migration, asks))]
  return said.length === right.length && timingSafeEqual(said, right)
}
