/** Would this packet pass? Asked of the API, and asked again when rules or ports change. */
import { FormGroup, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import type { PacketAnswer, PacketAsked, SecurityGroupRule } from '../../api/security-group.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { NameOf, useName } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { firstAsked } from './first-asked.ts'
import { sentenceOfRule } from './sentence.ts'
import './security-group.css'
import { words } from './text.ts'

const protocols = ['tcp', 'udp', 'icmp', 'sctp', 'gre', 'esp'] as const
const withPorts = new Set(['tcp', 'udp', 'sctp'])

/** `of`: a port, or groups that a port might have. */
export function PacketCheck({ of }: { of: Pick<PacketAsked, 'port_id' | 'security_groups'> }) {
  const [direction, setDirection] = useState<'ingress' | 'egress'>(firstAsked.direction)
  const [protocol, setProtocol] = useState<string>(firstAsked.protocol)
  const [port, setPort] = useState(String(firstAsked.destination_port))
  const [rare, setRare] = useState('')
  const [remote_address, setRemote] = useState<string>(firstAsked.remote_address)
  const [number, other] = [port, rare].map(typed => (/^\d{1,5}$/.test(typed) ? Number(typed) : undefined))
  const asked: PacketAsked = {
    ...of,
    direction,
    protocol,
    ...(number !== undefined && withPorts.has(protocol) && { destination_port: number }),
    ...(number !== undefined && protocol === 'icmp' && { icmp_type: number }),
    ...(other !== undefined && withPorts.has(protocol) && { source_port: other }),
    ...(other !== undefined && protocol === 'icmp' && { icmp_code: other }),
    remote_address: remote_address.trim(),
  }
  const complete = asked.remote_address.length > 2 && (!withPorts.has(protocol) || number !== undefined)
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['read', 'security-group.check', asked],
    queryFn: ({ signal }) => call(routes['security-group'].check, { body: asked, signal }),
    meta: { follows: ['security-group', 'port'] },
    enabled: complete,
    placeholderData: before => before,
  })
  const chooseProtocol = (chosen: string) => {
    setProtocol(chosen)
    if (chosen === 'icmp' || protocol === 'icmp') setRare('')
    if (chosen === 'icmp' || protocol === 'icmp') setPort(chosen === 'icmp' ? '' : String(firstAsked.destination_port))
  }
  return (
    <div className="croft-stack">
      <div className="croft-check-fields">
        <Choice
          id="check-direction"
          label={words('check.direction')}
          value={direction}
          options={[
            ['ingress', words('check.ingress')],
            ['egress', words('check.egress')],
          ]}
          onChange={value => setDirection(value === 'egress' ? 'egress' : 'ingress')}
        />
        <Choice
          id="check-protocol"
          label={words('check.protocol')}
          value={protocol}
          options={protocols.map(one => [one, one.toUpperCase()])}
          onChange={chooseProtocol}
        />
        {(withPorts.has(protocol) || protocol === 'icmp') && (
          <Text
            id="check-port"
            label={words(protocol === 'icmp' ? 'check.type' : 'check.port')}
            value={port}
            onChange={setPort}
          />
        )}
        {(withPorts.has(protocol) || protocol === 'icmp') && (
          <Text
            id="check-rare"
            label={words(protocol === 'icmp' ? 'check.code' : 'check.source_port')}
            value={rare}
            onChange={setRare}
          />
        )}
        <Text
          id="check-remote"
          label={words(`check.remote.${direction}`)}
          value={remote_address}
          onChange={setRemote}
        />
      </div>
      <div aria-live="polite" className="croft-stack">
        {!complete ? (
          <p className="croft-muted">{words('check.incomplete')}</p>
        ) : error ? (
          <ProblemAlert error={error} />
        ) : (
          data && <Verdict answer={data} is_old={isPlaceholderData} />
        )}
      </div>
      <p className="croft-muted croft-small">
        {words('check.scope')}{' '}
        <ApiCallButton calls={() => [{ route: routes['security-group'].check, input: { body: asked } }]} />
      </p>
    </div>
  )
}

/** `is_old`: of what was asked before; the new answer is on its way. It keeps its place, and says nothing meanwhile. */
function Verdict({ answer, is_old }: { answer: PacketAnswer; is_old: boolean }) {
  const { allowed, because, rule, closest } = answer
  if (is_old) return <p className="croft-muted croft-verdict">{words('check.asking')}</p>
  return (
    <>
      <p className="croft-verdict">
        <StateLabel tone={allowed ? 'good' : 'bad'}>{words(allowed ? 'check.passes' : 'check.refused')}</StateLabel>
        <span>
          {rule ? <ByRule rule={rule} /> : words(`check.because.${because}`, { group: '', sentence: '' })}
          {because === 'rule' && ` ${words('check.stateful')}`}
        </span>
      </p>
      {closest.length > 0 && (
        <section aria-label={words('check.closest')}>
          <h3>{words('check.closest')}</h3>
          <ul className="croft-rule-list">
            {closest.map(one => (
              <li key={one.rule.id} className="croft-rule">
                <span className="croft-rule-text">
                  <Sentence rule={one.rule} /> (<NameOf noun="security-group" id={one.rule.security_group_id} />)
                </span>
                <span className="croft-muted">
                  {words('check.differs')} {one.differs_in.map(each => words(`differs.${each}`)).join(', ')}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

function ByRule({ rule }: { rule: SecurityGroupRule }) {
  const group = useName('security-group', rule.security_group_id)
  const remote = useName('security-group', rule.remote_group_id)
  return <>{words('check.because.rule', { group, sentence: sentenceOfRule(rule, () => remote) })}</>
}

function Sentence({ rule }: { rule: SecurityGroupRule }): ReactNode {
  const remote = useName('security-group', rule.remote_group_id)
  return sentenceOfRule(rule, () => remote)
}

function Choice({
  id,
  label,
  value,
  options,
  onChange,
}: {
  id: string
  label: string
  value: string
  options: readonly (readonly [value: string, title: string])[]
  onChange(value: string): void
}) {
  return (
    <FormGroup label={label} fieldId={id}>
      <FormSelect id={id} value={value} onChange={(_, chosen) => onChange(chosen)}>
        {options.map(([one, title]) => (
          <FormSelectOption key={one} value={one} label={title} />
        ))}
      </FormSelect>
    </FormGroup>
  )
}

function Text({
  id,
  label,
  value,
  onChange,
}: {
  id: string
  label: string
  value: string
  onChange(value: string): void
}) {
  return (
    <FormGroup label={label} fieldId={id}>
      <TextInput id={id} value={value} onChange={(_, typed) => onChange(typed)} autoComplete="off" />
    </FormGroup>
  )
}
