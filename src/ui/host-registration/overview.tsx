/** A machine that asks to be a host: its code, what is odd about it, what it says of itself. */
import { Alert, Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { HostRegistration } from '../../api/host-registration.ts'
import { Facts } from '../parts/facts.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function RegistrationOverview({ item }: { item: HostRegistration }) {
  const { found } = item
  return (
    <div className="croft-stack">
      {item.state === 'pending' && <Findings item={item} />}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('code'), <code key="code">{item.code}</code>],
              [words('key'), <code key="key">{item.key_sha256}</code>],
              [words('address'), item.address],
              [words('machine_id'), <code key="machine">{item.machine_id}</code>],
              [words('invited'), words(item.invited ? 'yes' : 'no')],
              [words('host'), item.host_id && <NameOf key="host" noun="host" id={item.host_id} />],
              [words('created'), <Time key="created" at={item.created_at} />],
              [words('asked'), <Time key="asked" at={item.asked_at} />],
              [words('expires'), <Time key="expires" at={item.expires_at} />],
            ]}
          />
          <p className="croft-muted croft-small croft-above">{words('code.help')}</p>
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('said')}</CardTitle>
        <CardBody>
          <Facts
            facts={[
              [words('name'), item.name],
              [words('os'), found.os],
              [words('kernel'), found.kernel],
              [words('cpu'), found.cpu_model],
              [words('cpus'), found.cpus === null ? null : number(found.cpus)],
              [words('memory'), found.memory_mib === null ? null : size(found.memory_mib, 'MiB')],
            ]}
          />
          <p className="croft-muted croft-small croft-above">{words('said.help')}</p>
        </CardBody>
      </Card>
    </div>
  )
}

function Findings({ item }: { item: HostRegistration }) {
  const { same_machine, same_name, same_machine_pending } = item
  const found = [
    same_machine &&
      words(same_machine.linked ? 'finding.machine.linked' : 'finding.machine', { host: same_machine.name }),
    same_name && same_name.id !== same_machine?.id && words('finding.name', { host: same_name.name }),
    same_machine_pending > 0 && words('finding.twice', { n: same_machine_pending }),
  ].filter(one => typeof one === 'string')
  if (found.length === 0) return null
  return (
    <Alert isInline variant="warning" title={words('findings')}>
      {found.map(one => (
        <p key={one}>{one}</p>
      ))}
    </Alert>
  )
}
