/** How far an image's content has come. */
import type { Image } from '../../api/image.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { words } from './text.ts'

const tones = {
  waiting: 'warn',
  fetching: 'busy',
  checking: 'busy',
  ready: 'good',
  failed: 'bad',
} as const satisfies Record<Image['status'], Tone>

export function ImageStatusLabel({ image: { status, failure, progress_percent } }: { image: Image }) {
  const percent =
    status === 'fetching' || (status === 'waiting' && progress_percent > 0) ? ` ${progress_percent} %` : ''
  return (
    <StateLabel tone={tones[status]} why={failure}>
      {words(`status.${status}`)}
      {percent}
    </StateLabel>
  )
}
