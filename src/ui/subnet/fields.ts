/** The fields of a subnet, the same where one is made and where one is changed. */
import type { Subnet } from '../../api/subnet.ts'
import { linesOf, textOf } from '../network/shared.ts'
import { words } from '../network/text.ts'
import type { FormField, Values } from '../parts/form.tsx'

export const subnetFields = (): FormField[] => [
  { name: 'name', title: words('name'), kind: 'text' },
  { name: 'cidr', title: words('cidr'), kind: 'text', help: words('cidr.help') },
]

export const wayOutFields = (): FormField[] => [
  {
    name: 'gateway',
    title: words('gateway'),
    kind: 'text',
    help: words('gateway.help'),
    when: values => values.no_gateway !== true,
  },
  { name: 'no_gateway', title: words('gateway.none'), kind: 'yes', help: words('gateway.none_help') },
  { name: 'dns', title: words('dns'), kind: 'list', help: words('dns.help') },
]

export const rareFields = (): FormField[] => [
  { name: 'dhcp', title: words('dhcp'), kind: 'yes', help: words('dhcp.help') },
  { name: 'pool_start', title: words('pool_start'), kind: 'text', help: words('pool.help') },
  { name: 'pool_end', title: words('pool_end'), kind: 'text' },
  { name: 'host_routes', title: words('host_routes'), kind: 'list', help: words('host_routes.help') },
]

/** As the forms have it. */
export function valuesOf(subnet: Subnet): Values {
  const { name, gateway, dns, dhcp, pool_start, pool_end, host_routes } = subnet
  return {
    ...{ name, gateway: gateway ?? '', no_gateway: gateway === null, dns, dhcp, pool_start, pool_end },
    host_routes: host_routes.map(one => `${one.destination} via ${one.next_hop}`),
  }
}

/** Of a new one. With DHCP is what goes without saying, where the kind of network has it: on external ones nothing may be said of it. */
export function newOf(values: Values, network_id: unknown) {
  const { dhcp, ...rest } = bodyOf(values)
  return { ...rest, ...(!dhcp && { dhcp }), cidr: values.cidr, network_id }
}

/** As the API takes it. What is left empty is left out. */
export function bodyOf(values: Values) {
  const gateway = textOf(values.gateway)
  return {
    name: textOf(values.name),
    ...(values.no_gateway === true ? { gateway: null } : gateway !== undefined && { gateway }),
    dns: linesOf(values.dns),
    dhcp: values.dhcp === true,
    pool_start: textOf(values.pool_start),
    pool_end: textOf(values.pool_end),
    host_routes: linesOf(values.host_routes).map(line => {
      const [destination = '', next_hop = ''] = line.split(/\s+(?:via\s+)?/)
      return { destination, next_hop }
    }),
  }
}
