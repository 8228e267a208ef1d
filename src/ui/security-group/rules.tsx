/** A group's rules, as sentences: what may come in, what may go out; rules are added from presets and taken away. */
import { Button, Card, CardBody, CardTitle } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import type { SecurityGroup, SecurityGroupRule } from '../../api/security-group.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { NameOf, useName } from '../parts/name-of.tsx'
import { may, useSession } from '../session/session.ts'
import { AddRule } from './add-rule.tsx'
import { PacketCheck } from './packet-check.tsx'
import { presets, presetTitle, remoteOf, sentenceOfRule, trafficOf } from './sentence.ts'
import './security-group.css'
import { words } from './text.ts'

export default function SecurityGroupRules({ item }: { item: SecurityGroup }) {
  const session = useSession()
  const changes = may(session, routes['security-group'].addRule)
  const [adding, setAdding] = useState<{ traffic: string; direction: 'ingress' | 'egress' }>()
  return (
    <div className="croft-stack">
      {item.description && <p>{item.description}</p>}
      {changes && (
        <div className="croft-presets" role="group" aria-label={words('presets')}>
          <span className="croft-muted">{words('rule.add.in')}:</span>
          {presets.slice(0, -1).map(one => (
            <Button
              key={one.id}
              size="sm"
              variant="secondary"
              onClick={() => setAdding({ traffic: one.id, direction: 'ingress' })}
            >
              {presetTitle(one)}
            </Button>
          ))}
          <Button size="sm" variant="primary" onClick={() => setAdding({ traffic: 'custom', direction: 'ingress' })}>
            {words('rule.custom')}
          </Button>
        </div>
      )}
      <div className="croft-rule-sides">
        <Side group={item} direction="ingress" />
        <Side group={item} direction="egress">
          {changes && (
            <Button variant="link" isInline onClick={() => setAdding({ traffic: 'any', direction: 'egress' })}>
              {words('rule.add')}
            </Button>
          )}
        </Side>
      </div>
      <p className="croft-muted">{words('stateful')}</p>
      <Card>
        <CardTitle component="h2">{words('check.title')}</CardTitle>
        <CardBody>
          <PacketCheck of={{ security_groups: [item.id] }} />
        </CardBody>
      </Card>
      {adding && <AddRule group={item} {...adding} done={() => setAdding(undefined)} />}
    </div>
  )
}

function Side({
  group,
  direction,
  children,
}: {
  group: SecurityGroup
  direction: SecurityGroupRule['direction']
  children?: ReactNode
}) {
  const rules = group.rules.filter(rule => rule.direction === direction)
  const title = words(direction === 'ingress' ? 'in.title' : 'out.title')
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        {rules.length === 0 ? (
          <p className="croft-muted">{words(direction === 'ingress' ? 'in.none' : 'out.none')}</p>
        ) : (
          <ul className="croft-rule-list" aria-label={title}>
            {rules.map(rule => (
              <Rule key={rule.id} group={group} rule={rule} />
            ))}
          </ul>
        )}
        {children}
      </CardBody>
    </Card>
  )
}

function Rule({ group, rule }: { group: SecurityGroup; rule: SecurityGroupRule }) {
  const name = useName('security-group', rule.remote_group_id)
  const sentence = sentenceOfRule(rule, () => name)
  return (
    <li className="croft-rule">
      <span className="croft-rule-text">
        <RuleSentence rule={rule} />
        {rule.description && <span className="croft-muted"> – {rule.description}</span>}
      </span>
      <CallButton
        title={words('rule.remove')}
        label={words('rule.remove_of', { sentence })}
        route={routes['security-group'].removeRule}
        input={{ params: { security_group: group.id, rule: rule.id } }}
        confirm={{
          title: words('rule.remove_of', { sentence }),
          body: words('rule.remove.body', { sentence }),
        }}
        danger
      />
    </li>
  )
}

/** The same sentence, with its remote group as a link. */
export function RuleSentence({ rule }: { rule: SecurityGroupRule }) {
  const mark = '\u0000'
  const [before = '', after = ''] = words(`sentence.${rule.direction}`, { traffic: mark, remote: '\u0001' }).split(mark)
  const [between = '', end = ''] = after.split('\u0001')
  return (
    <>
      {before}
      <strong>{trafficOf(rule)}</strong>
      {between}
      {rule.remote_group_id === null ? <span>{remoteOf(rule, String)}</span> : <RemoteGroup rule={rule} />}
      {end}
    </>
  )
}

function RemoteGroup({ rule }: { rule: SecurityGroupRule }) {
  const mark = '\u0000'
  const [before = '', after = ''] = remoteOf(rule, () => mark).split(mark)
  return (
    <>
      {before}
      <NameOf noun="security-group" id={rule.remote_group_id} />
      {after}
    </>
  )
}
