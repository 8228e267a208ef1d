/** How an operation stands, and what it is about. */
import { Progress } from '@patternfly/react-core'
import type { Operation } from '../../api/operation.ts'
import { nounNamed } from '../noun/registry.ts'
import { LogThing } from '../parts/log-thing.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { toldName } from '../parts/names.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

const tones: Readonly<Record<Operation['state'], Tone>> = {
  running: 'busy',
  waiting: 'warn',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'off',
}

/** What was asked, as the button says that asks it: of `instance.start` "Start". */
export function kindText(kind: string): string {
  const [name = '', verb] = kind.split('.')
  const noun = nounNamed(name)
  const title = verb === 'create' ? noun?.create?.title : noun?.actions?.find(one => one.id === verb)?.title
  return title?.() ?? kind
}

export function OperationState({ operation: { state, reason } }: { operation: Operation }) {
  return (
    <StateLabel tone={tones[state]} why={reason}>
      {shared(`operation.state.${state}`)}
    </StateLabel>
  )
}

export function OperationProgress({ operation: { percent, ended_at } }: { operation: Operation }) {
  if (ended_at !== null) return <>–</>
  return <Progress value={percent} size="sm" measureLocation="outside" aria-label={words('progress')} />
}

/** One that an event brought has no names: they are asked for where it is likely still there. What was deleted would be refused. */
export function OperationThing({ operation }: { operation: Operation }) {
  const { noun, resource_id, resource_name, kind, targets } = operation
  if (!resource_id)
    return (
      <>
        {targets > 1
          ? words('targets.text', { n: targets, succeeded: 0, failed: 0, cancelled: 0 }).split(':', 1)[0]
          : '–'}
      </>
    )
  const definition = nounNamed(noun)
  const title = definition?.title() ?? noun
  const name = toldName(definition, resource_name)
  if (name !== undefined || /\.(delete|purge|remove)$/.test(kind))
    return <LogThing noun={noun} title={title} id={resource_id} name={name} />
  return (
    <>
      {title} <NameOf noun={noun} id={resource_id} />
    </>
  )
}
