/**
 * A machine says by what it is known (model/hardware-id.ts): with its hello, as it joins and leaves; and alone, over HTTPS, when it finds
 * itself on other hardware than it joined with. Then it says no hello, which would end the link of the host that it is a copy of.
 */
import Type, { type Static } from 'typebox'

export const hardwarePath = '/agent/v1/hardware'

export const HardwareId = Type.Object({
  board: Type.Optional(Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })),
  nics: Type.Optional(Type.Array(Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' }), { maxItems: 64 })),
})

/** Asked again until it is the host's hardware; the controller holds the answer back for so long at most. */
export const HardwareRequest = Type.Object({
  hardware: HardwareId,
  wait_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 60 })),
})
export type HardwareRequest = Static<typeof HardwareRequest>

/** 'known': it is the host's, as recorded or by an operator's yes. 'other': it is not, and nothing is to be done but to wait. */
export const HardwareReply = Type.Object({
  state: Type.Union([Type.Literal('known'), Type.Literal('other')]),
  /** For people. */
  why: Type.String({ maxLength: 2000 }),
})
export type HardwareReply = Static<typeof HardwareReply>

/** Sent by agents that know by what their machine is known; older ones send nothing. */
export const LeaveRequest = Type.Object({ hardware: Type.Optional(HardwareId) })
