/** What an operation on several things has come to for each of them: first what failed, where something has. The filter is in the address. */
import { Card, CardBody, CardTitle, Progress, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Operation, OperationTarget } from '../../api/operation.ts'
import { routes } from '../api/routes.ts'
import { nounNamed } from '../noun/registry.ts'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { Older, useLog } from '../parts/older.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel, type Tone } from '../parts/state.tsx'
import type { Search } from '../shell/router.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

const tones = { succeeded: 'good', failed: 'bad', cancelled: 'off' } as const satisfies Record<string, Tone>
const choices = ['all', 'failed', 'open', 'succeeded', 'cancelled'] as const
type Choice = (typeof choices)[number]

export function Targets({ operation }: { operation: Operation }) {
  const search = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const { id, targets, succeeded, failed, cancelled, ended_at } = operation
  const choice: Choice = choices.find(one => one === search.outcome) ?? (failed > 0 ? 'failed' : 'all')
  const counts = { all: targets, failed, open: targets - succeeded - failed - cancelled, succeeded, cancelled }
  const { answer, rows } = useLog<OperationTarget>(
    routes.operation.targets,
    choice === 'all' ? {} : { outcome: choice },
    // How far each is, is told of the things themselves.
    ended_at === null ? ['operation', operation.noun] : ['operation'],
    { operation: id },
  )
  const choose = (next: Choice) => void navigate({ to: '.', replace: true, search: { outcome: next } } as never)
  return (
    <Card>
      <CardTitle component="h2">{nounNamed(operation.noun)?.titles() ?? words('targets')}</CardTitle>
      <CardBody className="croft-stack">
        <ToggleGroup className="croft-outcomes" aria-label={words('targets.filter')}>
          {choices.map(one => (
            <ToggleGroupItem
              key={one}
              buttonId={`targets-${one}`}
              text={words(`targets.${one}`, { n: counts[one] })}
              isSelected={one === choice}
              isDisabled={counts[one] === 0 && one !== choice}
              onChange={() => choose(one)}
            />
          ))}
        </ToggleGroup>
        <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
        {answer.isPending ? (
          <Loading />
        ) : (
          <SimpleTable
            label={words('targets')}
            items={rows}
            keyOf={one => one.resource_id}
            empty={words('targets.none')}
            columns={[
              { title: words('target'), cell: one => <TargetName target={one} /> },
              { title: words('state'), cell: one => <TargetState target={one} /> },
              // Of what has ended there is none, and the reason needs the room.
              ...(rows.some(one => one.outcome === null)
                ? [{ title: words('progress'), cell: (one: OperationTarget) => <TargetProgress target={one} /> }]
                : []),
              { title: words('reason'), cell: one => one.reason ?? one.step ?? '–' },
            ]}
          />
        )}
        <Older answer={answer} title={words('targets.more')} />
      </CardBody>
    </Card>
  )
}

function TargetName({ target: { noun, resource_id, name } }: { target: OperationTarget }) {
  // Without a name it is gone, and has no page any more.
  if (name === null) return <code title={resource_id}>{resource_id.slice(-8)}</code>
  return (
    <ThingLink noun={noun} id={resource_id}>
      {name}
    </ThingLink>
  )
}

function TargetState({ target: { outcome, reason } }: { target: OperationTarget }) {
  if (outcome !== null) return <StateLabel tone={tones[outcome]}>{shared(`operation.state.${outcome}`)}</StateLabel>
  return reason === null ? (
    <StateLabel tone="busy">{shared('operation.state.running')}</StateLabel>
  ) : (
    <StateLabel tone="warn">{shared('operation.state.waiting')}</StateLabel>
  )
}

function TargetProgress({ target: { outcome, percent, name, resource_id } }: { target: OperationTarget }) {
  if (outcome !== null) return <>–</>
  const label = `${words('progress')}: ${name ?? resource_id}`
  return <Progress value={percent} size="sm" measureLocation="outside" aria-label={label} />
}
