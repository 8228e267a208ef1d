/** Whether a project, domain or user may be used. */
import { words } from '../text/shared.ts'
import { StateLabel } from './state.tsx'

export function EnabledLabel({ on }: { on: boolean }) {
  return <StateLabel tone={on ? 'good' : 'off'}>{words(on ? 'enabled' : 'disabled')}</StateLabel>
}
