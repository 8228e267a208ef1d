/** A project without instances: what it takes to have one, what of it is there, and the way to the first. */
import { Card, CardBody, ClipboardCopy } from '@patternfly/react-core'
import CloudIcon from '@patternfly/react-icons/dist/esm/icons/cloud-icon'
import type { ReactNode } from 'react'
import type { Route } from '../../api/route.ts'
import type { Image } from '../../api/image.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { LinkButton, To } from '../parts/link.tsx'
import { StateLabel } from '../parts/state.tsx'
import { may, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

type Step = 'host' | 'image' | 'network' | 'key'

interface Took {
  step: Step
  /** Names of what is there; undefined: not known yet, or not for these eyes. */
  there: readonly string[] | undefined
  to: string
  /** What one must be allowed to bring it in. */
  route: Route
}

function useStep(list: Route, query: Record<string, unknown>, only: (item: never) => boolean = () => true) {
  const session = useSession()
  const noun = list.name.split('.', 1)[0] ?? ''
  const { data } = useChoices<{ id: string; name: string }>(list, query, {
    follows: [noun],
    enabled: may(session, list),
  })
  return data?.items.filter(item => only(item as never)).map(item => item.name)
}

export default function FirstUse() {
  const session = useSession()
  const steps: Took[] = [
    {
      step: 'host',
      there: useStep(routes.host.list, { sort: 'name' }),
      to: '/hosts',
      route: routes.host.invite,
    },
    {
      step: 'image',
      there: useStep(routes.image.list, {}, (one: Image) => one.status === 'ready'),
      to: '/images/create',
      route: routes.image.create,
    },
    {
      step: 'network',
      there: useStep(routes.network.list, { kind: 'overlay' }),
      to: '/networks/create',
      route: routes.network.create,
    },
    {
      step: 'key',
      there: useStep(routes['key-pair'].list, {}),
      to: '/key-pairs/create',
      route: routes['key-pair'].create,
    },
  ]
  const known = steps.filter(one => one.there !== undefined)
  const missing = known.filter(one => one.there?.length === 0 && one.step !== 'key')
  const make = (
    <div className="croft-stack croft-first-ways">
      <div>
        <LinkButton to="/instances/create" variant={missing.length > 0 ? 'secondary' : 'primary'}>
          {words('first.create')}
        </LinkButton>
      </div>
      <div>
        <p className="croft-muted">{words('first.cli')}</p>
        <ClipboardCopy
          isReadOnly
          isCode
          hoverTip={shared('copy')}
          clickTip={shared('copied')}
          textAriaLabel={words('first.cli')}
        >
          croft instance create mine --image tiny --flavor small --wait
        </ClipboardCopy>
      </div>
    </div>
  )
  return (
    <Card>
      <CardBody>
        <Empty title={words('first.title')} icon={CloudIcon} actions={make}>
          <div className="croft-stack">
            <p>{missing.length > 0 ? words('first.missing') : words('first.body')}</p>
            {known.length > 0 && (
              <ul className="croft-first-steps" aria-label={words('first.steps')}>
                {known.map(one => (
                  <StepLine key={one.step} step={one} may_make={may(session, one.route)} />
                ))}
              </ul>
            )}
          </div>
        </Empty>
      </CardBody>
    </Card>
  )
}

const named_max = 3

function StepLine({ step: { step, there = [], to }, may_make }: { step: Took; may_make: boolean }): ReactNode {
  const [first] = there
  const names = there.slice(0, named_max).join(', ')
  return (
    <li>
      {first !== undefined ? (
        <StateLabel tone="good">{words('first.there')}</StateLabel>
      ) : (
        <StateLabel tone={step === 'key' ? 'off' : 'warn'}>
          {words(step === 'key' ? 'first.later' : 'first.lacks')}
        </StateLabel>
      )}{' '}
      <span>
        {words(`first.${step}`)}
        {first !== undefined && `: ${names}${there.length > named_max ? ', …' : ''}`}{' '}
        {first === undefined && may_make && <To to={to}>{words(`first.${step}.make`)}</To>}
      </span>
    </li>
  )
}
