/**
 * By what a machine is known that no copy of its disk has: the uuid of its board, and where that says nothing its own NICs. Pure.
 * Not its job: reading it (agent/hardware.ts), and what follows (docs/design/0017-hardware.md).
 */

export interface HardwareId {
  /** Lower case. */
  readonly board?: string | undefined
  /** Permanent addresses, lower case. */
  readonly nics?: readonly string[] | undefined
}

/** Boards whose maker has not set it have one of these (SMBIOS 3.7, 7.2.1, has the first two for that): it says nothing. */
const unset_boards = new Set([
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '03000200-0400-0500-0006-000700080009',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  'fefefefe-fefe-fefe-fefe-fefefefefefe',
])

const board_form = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const nic_form = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/
const nics_max = 64

/** Of what a machine says, that which tells it from others. */
export function hardwareId(said: { readonly board: string; readonly nics: readonly string[] }): HardwareId {
  const board = said.board.trim().toLowerCase()
  const nics = said.nics.map(one => one.trim().toLowerCase()).filter(one => nic_form.test(one) && !/^[0:]*$/.test(one))
  const has_board = board_form.test(board) && !unset_boards.has(board)
  return {
    ...(has_board && { board }),
    ...(nics.length > 0 && { nics: [...new Set(nics)].sort().slice(0, nics_max) }),
  }
}

/**
 * Whether two sayings are of one machine. The board decides where both name one, as cards are changed; else a NIC that both have.
 * 'unknown': one of them says nothing that the other says as well.
 */
export function compareHardware(one: HardwareId, other: HardwareId): 'same' | 'other' | 'unknown' {
  if (one.board !== undefined && other.board !== undefined) return one.board === other.board ? 'same' : 'other'
  const [nics, others] = [one.nics ?? [], other.nics ?? []]
  if (nics.length === 0 || others.length === 0) return 'unknown'
  return nics.some(nic => others.includes(nic)) ? 'same' : 'other'
}

/** What is known of a machine after it has said more: cards come and go, and what is not said now is not forgotten. */
export function mergedHardware(known: HardwareId | null, said: HardwareId): HardwareId {
  const board = said.board ?? known?.board
  const nics = said.nics ?? known?.nics
  return { ...(board !== undefined && { board }), ...(nics !== undefined && { nics }) }
}

export function isSameSaying(one: HardwareId | null, other: HardwareId): boolean {
  return one !== null && one.board === other.board && String(one.nics ?? []) === String(other.nics ?? [])
}

/** As people see it and give it back; null where it says nothing. */
export function hardwareWords(id: HardwareId | null): string | null {
  if (id?.board !== undefined) return `board ${id.board}`
  return id?.nics === undefined || id.nics.length === 0 ? null : `NICs ${id.nics.join(' ')}`
}
