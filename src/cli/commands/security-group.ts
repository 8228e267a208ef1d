/** What is hand-made about security groups: rules in the words that people use. `croft security-group rule add web tcp:22` */
import type { Command } from 'commander'
import type { RuleAsked, SecurityGroupRule } from '../../api/security-group.ts'
import { addCommonOptions } from '../build-command.ts'
import { call, type Context, idOf, routeOf } from '../context.ts'
import { UsageError } from '../failure.ts'
import type { Comfort, Shop } from '../shop.ts'
import { fieldsOf, ownTable } from '../show.ts'

export const comfort: Comfort = {
  extend(noun, shop) {
    const rule = noun.command('rule').summary('Rules of a group: add, list, remove').description('Rules of a group.')
    registerAdd(rule, shop)
    registerList(rule, shop)
    registerRemove(rule, shop)
  },
}

interface AddOptions {
  from?: string
  to?: string
  egress?: boolean
  ipv6?: boolean
  description?: string
}

function registerAdd(rule: Command, shop: Shop): void {
  const command = rule
    .command('add <group> <traffic>')
    .summary('Allow more traffic')
    .description('Allow more traffic, such as tcp:22, tcp:8000-8100, udp:53, icmp, or any.')
    .option('--from <source>', 'a CIDR or another group; anywhere unless said')
    .option('--to <target>', 'the same, for traffic that leaves')
    .option('--egress', 'traffic that leaves')
    .option('--ipv6', 'of IPv6, where no CIDR tells')
    .option('--description <text>')
  addCommonOptions(command).action(async (group: string, traffic: string, options: AddOptions) => {
    const context = shop.contextOf(command)
    const security_group = await idOf(context, 'security-group', group, {
      route: routeOf(context, 'security-group', 'addRule'),
    })
    const body = await ruleOf(context, traffic, options)
    const made = await call(context, 'security-group', 'addRule', { params: { security_group }, body })
    if (context.out.json) context.out.printJson(made)
    else context.out.print(context.out.quiet ? `${made.id}\n` : fieldsOf(context, made))
  })
}

async function ruleOf(context: Context, traffic: string, options: AddOptions): Promise<RuleAsked> {
  if (options.from !== undefined && (options.to !== undefined || options.egress))
    throw new UsageError('--from is for traffic that comes in, --to for traffic that leaves: say one of them.')
  const remote = options.from ?? options.to
  const cidr = remote !== undefined && /^[0-9a-f:.]+\/\d{1,3}$/i.test(remote) ? remote : undefined
  const ipv6 = options.ipv6 === true || cidr?.includes(':') === true
  return {
    direction: options.egress || options.to !== undefined ? 'egress' : 'ingress',
    ethertype: ipv6 ? 'ipv6' : 'ipv4',
    ...parseTraffic(traffic, ipv6),
    ...(cidr !== undefined && { remote_cidr: cidr }),
    ...(remote !== undefined &&
      cidr === undefined && {
        remote_group_id: await idOf(context, 'security-group', remote, {
          route: routeOf(context, 'security-group', 'addRule'),
        }),
      }),
    ...(options.description !== undefined && { description: options.description }),
  }
}

/** "tcp:22", "udp:5000-5100", "icmp", "47", "any". Throws UsageError. */
export function parseTraffic(text: string, ipv6 = false): Pick<RuleAsked, 'protocol' | 'port_min' | 'port_max'> {
  const match = /^([a-z][a-z0-9-]*|\d{1,3})(?::(\d{1,5})(?:-(\d{1,5}))?)?$/i.exec(text)
  const [, protocol = '', from, to] = match ?? []
  if (!match) throw new UsageError(`"${text}" is not traffic such as tcp:22, udp:5000-5100, icmp or any.`)
  if (protocol === 'any') return {}
  return {
    protocol: /^\d+$/.test(protocol)
      ? Number(protocol)
      : ipv6 && protocol === 'icmp'
        ? 'ipv6-icmp'
        : protocol.toLowerCase(),
    ...(from !== undefined && { port_min: Number(from), port_max: Number(to ?? from) }),
  }
}

function registerList(rule: Command, shop: Shop): void {
  const command = rule.command('list <group>').description('Rules of a group.')
  addCommonOptions(command).action(async (group: string) => {
    const context = shop.contextOf(command)
    const security_group = await idOf(context, 'security-group', group, {
      route: routeOf(context, 'security-group', 'get'),
    })
    const { rules } = await call(context, 'security-group', 'get', { params: { security_group } })
    if (context.out.json) return context.out.printJson(rules)
    const columns = ['direction', 'ethertype', 'traffic', 'remote', 'description', 'id']
    context.out.print(ownTable(context, columns, rules.map(rowOf)))
  })
}

function rowOf(rule: SecurityGroupRule) {
  const { protocol, port_min, port_max } = rule
  const ports = port_min === null ? '' : port_max === port_min ? `:${port_min}` : `:${port_min}-${port_max}`
  return {
    ...rule,
    traffic: `${protocol ?? 'any'}${ports}`,
    remote: rule.remote_cidr ?? rule.remote_group_id ?? 'anywhere',
  }
}

function registerRemove(rule: Command, shop: Shop): void {
  const command = rule.command('remove <group> <rule>').description('Allow that traffic no longer.')
  addCommonOptions(command).action(async (group: string, id: string) => {
    const context = shop.contextOf(command)
    const security_group = await idOf(context, 'security-group', group, {
      route: routeOf(context, 'security-group', 'removeRule'),
    })
    await call(context, 'security-group', 'removeRule', { params: { security_group, rule: id } })
    if (context.out.json) context.out.printJson(null)
    else context.out.note(`The rule ${id} is gone.`)
  })
}
