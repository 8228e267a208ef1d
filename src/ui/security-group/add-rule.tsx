/** Allows more traffic: a preset or something else, from where, and how it reads. */
import { Alert, FormGroup } from '@patternfly/react-core'
import type { RuleAsked, SecurityGroup } from '../../api/security-group.ts'
import { routes } from '../api/routes.ts'
import { textOf } from '../network/shared.ts'
import { FormDialog, type FormField, type Values } from '../parts/form.tsx'
import { useName } from '../parts/name-of.tsx'
import { delicatePorts, type Preset, presetTitle, presets, sayable, sentenceOfRule } from './sentence.ts'
import { words } from './text.ts'

const custom = 'custom'

/** What was chosen and typed, as the API takes it. */
export function ruleOf(values: Values): RuleAsked {
  const preset = presets.find(one => one.id === values.traffic)
  const remote = String(values.remote)
  const ethertype = remote.endsWith('6') ? 'ipv6' : 'ipv4'
  const description = textOf(values.description)
  const cidr = textOf(values.remote_cidr)
  const group = textOf(values.remote_group_id)
  return {
    direction: values.direction === 'egress' ? 'egress' : 'ingress',
    ...(remote !== 'cidr' && { ethertype }),
    ...(preset ? presetTraffic(preset) : customTraffic(values)),
    ...(remote === 'cidr' && cidr !== undefined && { remote_cidr: cidr }),
    ...(remote.startsWith('group') && group !== undefined && { remote_group_id: group }),
    ...(description !== undefined && { description }),
  }
}

function presetTraffic({ protocol, port }: Preset) {
  return { ...(protocol !== undefined && { protocol }), ...(port !== undefined && { port_min: port, port_max: port }) }
}

function customTraffic(values: Values) {
  const protocol = textOf(values.protocol)
  const [first, last = first] = (textOf(values.ports) ?? '').split(/\s*[-–]\s*/).map(Number)
  const ports = textOf(values.ports) !== undefined && first !== undefined
  const icmp = protocol?.toLowerCase().startsWith('icmp')
  return {
    ...(protocol !== undefined && { protocol: /^\d+$/.test(protocol) ? Number(protocol) : protocol }),
    ...(ports && { port_min: first, ...(!icmp && { port_max: last }) }),
  }
}

const fieldsOf = (group: SecurityGroup): FormField[] => [
  {
    name: 'direction',
    title: words('rule.direction'),
    kind: 'choice',
    required: true,
    options: (['ingress', 'egress'] as const).map(value => ({ value, title: words(`rule.${value}`) })),
  },
  {
    name: 'traffic',
    title: words('rule.traffic'),
    kind: 'choice',
    required: true,
    options: [
      ...presets.map(one => ({ value: one.id, title: presetTitle(one) })),
      { value: custom, title: words('rule.custom') },
    ],
  },
  {
    name: 'protocol',
    title: words('rule.protocol'),
    kind: 'text',
    help: words('rule.protocol.help'),
    when: values => values.traffic === custom,
  },
  {
    name: 'ports',
    title: words('rule.ports'),
    kind: 'text',
    help: words('rule.ports.help'),
    pattern: '\\s*\\d{1,5}(\\s*[\\-–]\\s*\\d{1,5})?\\s*',
    covers: ['port_min', 'port_max'],
    when: values => values.traffic === custom,
  },
  {
    name: 'remote',
    title: words('rule.remote'),
    kind: 'choice',
    required: true,
    options: (['anywhere4', 'anywhere6', 'cidr', 'group4', 'group6'] as const).map(value => ({
      value,
      title: words(`rule.${value}`),
    })),
  },
  {
    name: 'remote_cidr',
    title: words('rule.cidr'),
    kind: 'text',
    required: true,
    help: words('rule.cidr.help'),
    when: values => values.remote === 'cidr',
  },
  {
    name: 'remote_group_id',
    title: words('rule.group'),
    kind: 'noun',
    required: true,
    from: routes['security-group'].list,
    query: { sort: 'name' },
    when: values => String(values.remote).startsWith('group'),
  },
  { name: 'description', title: words('description'), kind: 'text' },
  { name: 'preview', title: '', kind: 'own', draw: values => <Preview rule={ruleOf(values)} key={group.id} /> },
]

export function AddRule({
  group,
  traffic,
  direction = 'ingress',
  done,
}: {
  group: SecurityGroup
  traffic: string
  direction?: 'ingress' | 'egress'
  done: () => void
}) {
  return (
    <FormDialog
      title={`${words('rule.add')}: ${group.name}`}
      yes={words('rule.add.yes')}
      route={routes['security-group'].addRule}
      initial={{ direction, traffic, remote: 'anywhere4', remote_group_id: group.id }}
      toInput={values => ({ params: { security_group: group.id }, body: ruleOf(values) })}
      fields={fieldsOf(group)}
      done={done}
    />
  )
}

function Preview({ rule }: { rule: RuleAsked }) {
  const name = useName('security-group', rule.remote_group_id)
  const said = sayable(rule)
  const open =
    said.direction === 'ingress' &&
    said.remote_group_id === null &&
    (said.remote_cidr === null || said.remote_cidr.endsWith('/0')) &&
    (said.protocol === null || (said.port_min !== null && delicatePorts.includes(said.port_min)))
  return (
    <FormGroup label={words('rule.preview')} role="group">
      <p aria-live="polite">
        {words(said.direction === 'ingress' ? 'in' : 'out')} <strong>{sentenceOfRule(said, () => name)}</strong>.
      </p>
      {open && <Alert isInline isPlain variant="warning" title={words('rule.open')} />}
    </FormGroup>
  )
}
