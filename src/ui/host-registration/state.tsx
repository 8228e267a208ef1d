/** Whether a machine that asks to be a host waits, was let in, or turned away. */
import type { HostRegistration } from '../../api/host-registration.ts'
import { StateLabel } from '../parts/state.tsx'
import { words } from './text.ts'

const tones = { pending: 'warn', approved: 'good', rejected: 'off' } as const

export function RegistrationState({ state }: Pick<HostRegistration, 'state'>) {
  return <StateLabel tone={tones[state]}>{words(`state.${state}`)}</StateLabel>
}
