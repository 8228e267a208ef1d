/** How a host's power is cut when it is lost: its management controller, and fencing by hand. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import { useState } from 'react'
import type { Host } from '../../api/host.ts'
import type { HostBmc, hostBmcRoutes } from '../../api/host-bmc.ts'
import type { ReplyOf } from '../../api/route.ts'
import { supersedes } from '../../model/host-state.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { call, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { Time } from '../parts/time.tsx'
import { BmcDialog } from './bmc-dialog.tsx'
import { words } from './fencing-text.ts'
import './host.css'

export default function HostFencing({ item }: { item: Host }) {
  const whyNot =
    item.state === 'up'
      ? words('why_not.up')
      : supersedes('person', item.absence?.fenced_by ?? null)
        ? undefined
        : words('why_not.fenced')
  const { name } = item
  const fence = (confirm_off: boolean) => {
    const id = confirm_off ? 'fence.off' : 'fence.cut'
    const without = !confirm_off && item.fenced_through === null ? words('why_not.no_bmc') : undefined
    return (
      <CallButton
        title={words(id)}
        label={`${words(id)}: ${name}`}
        route={routes.host.fence}
        input={{ params: { host: item.id }, body: { name, ...(confirm_off && { confirm_off }) } }}
        confirm={{ title: words(`${id}.title`, { name }), body: words(`${id}.body`) }}
        again={error => despite(item, error)}
        danger
        bordered
        whyNot={whyNot ?? without}
        says_why
      />
    )
  }
  return (
    <div className="croft-stack">
      <Bmc host={item} />
      <Card>
        <CardTitle component="h2">{words('fence')}</CardTitle>
        <CardBody className="croft-stack">
          <p className="croft-muted">{words('fence.what')}</p>
          <div>{fence(false)}</div>
          <div>{fence(true)}</div>
        </CardBody>
      </Card>
    </div>
  )
}

/** Others can reach the machine: whoever vouches for it all the same is asked once more. */
function despite({ id: host, name }: Host, error: unknown) {
  const opinions = error instanceof ApiProblem ? error.document.opinions : undefined
  if (!Array.isArray(opinions)) return null
  const names = (opinions as { host: string }[]).map(one => one.host).join(', ')
  return {
    input: { params: { host }, body: { name, confirm_off: true, despite_opinions: true } },
    title: words('fence.despite.title', { name }),
    body: words('fence.despite.body', { names }),
  }
}

function Bmc({ host }: { host: Host }) {
  const params = { host: host.id }
  const enabled = host.fenced_through !== null
  const { data, error } = useRead(routes['host-bmc'].get, { params }, { follows: ['host'], of: host.id, enabled })
  if (enabled && !data && !error) return <Loading />
  const bmc = enabled ? data : undefined
  return (
    <Card>
      <CardTitle component="h2">{words('bmc')}</CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        {bmc ? <BmcFacts bmc={bmc} /> : !enabled && <p>{words('bmc.none')}</p>}
        <div className="croft-above">
          <DialogButton
            title={words(bmc ? 'bmc.change' : 'bmc.set')}
            route={routes['host-bmc'].set}
            dialog={done => <BmcDialog host={host} bmc={bmc} done={done} />}
          />{' '}
          {bmc && (
            <>
              <Test host={host} />{' '}
              <CallButton
                title={words('bmc.remove')}
                label={words('bmc.remove')}
                route={routes['host-bmc'].remove}
                input={{ params }}
                confirm={{ title: words('bmc.remove.title'), body: words('bmc.remove.body', { name: host.name }) }}
                danger
                bordered
              />
            </>
          )}
        </div>
      </CardBody>
    </Card>
  )
}

function BmcFacts({ bmc }: { bmc: HostBmc }) {
  return (
    <Facts
      facts={[
        [words('kind'), words(`kind.${bmc.kind}`)],
        [words('address'), bmc.port === null ? bmc.address : `${bmc.address} : ${bmc.port}`],
        [words('user'), bmc.user],
        [words('fingerprint'), bmc.certificate_sha256 && <code className="croft-small">{bmc.certificate_sha256}</code>],
        [words('system'), bmc.system],
        [
          words('tested'),
          bmc.tested_at === null ? (
            words('tested.never')
          ) : (
            <span key="tested">
              <Time at={bmc.tested_at} />: {bmc.test_failure ?? words('tested.good')}
            </span>
          ),
        ],
      ]}
    />
  )
}

type Tested = ReplyOf<typeof hostBmcRoutes.test>

function Test({ host }: { host: Host }) {
  const [answer, setAnswer] = useState<Tested | null>(null)
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const run = () => {
    setBusy(true)
    setError(undefined)
    call(routes['host-bmc'].test, { params: { host: host.id } })
      .then(setAnswer, setError)
      .finally(() => setBusy(false))
  }
  return (
    <>
      <button type="button" className="pf-v6-c-button pf-m-secondary pf-m-small" disabled={busy} onClick={run}>
        {words('bmc.test')}
      </button>
      <span role="status">
        {answer && (answer.power === null ? answer.failure : words(`bmc.test.${answer.power}`))}
      </span>
      {error !== undefined && <ProblemAlert error={error} />}
    </>
  )
}
