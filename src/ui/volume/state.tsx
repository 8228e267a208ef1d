/** A volume's state. */
import type { Volume } from '../../api/volume.ts'
import { StateLabel } from '../parts/state.tsx'
import { words } from './text.ts'

const tones = { available: 'off', 'in-use': 'good', deleting: 'busy' } as const

export function VolumeStateLabel({ volume: { state } }: { volume: Volume }) {
  return <StateLabel tone={tones[state]}>{words(`state.${state}`)}</StateLabel>
}
