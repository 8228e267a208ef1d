/** An instance's state as people see it. */
import type { Instance } from '../../api/instance.ts'
import type { InstanceState } from '../../model/instance.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { words } from './text.ts'

const tones = {
  running: 'good',
  starting: 'busy',
  migrating: 'busy',
  rebooting: 'busy',
  stopping: 'busy',
  deleting: 'busy',
  stopped: 'off',
  deleted: 'off',
  paused: 'warn',
  unknown: 'warn',
  error: 'bad',
} as const satisfies Record<InstanceState, Tone>

export function InstanceStateLabel({
  instance,
}: {
  instance: Pick<Instance, 'state' | 'reason' | 'step' | 'percent'> & Partial<Pick<Instance, 'migration'>>
}) {
  const { state, reason, step } = instance
  const percent = state === 'migrating' ? (instance.migration?.percent ?? null) : instance.percent
  // The state says already what a step of the same name would.
  const said = step === null || step === state ? '' : ` · ${step}`
  const doing = percent === null ? said : `${said} ${percent} %`
  return (
    <StateLabel tone={tones[state]} why={reason}>
      {words(`state.${state}`)}
      {doing}
    </StateLabel>
  )
}
