/** The fields of a port, the same where one is made and where one is changed. */
import { routes } from '../api/routes.ts'
import { linesOf } from '../network/shared.ts'
import type { FormField, Values } from '../parts/form.tsx'
import { words } from './text.ts'

export const guardFields = (): FormField[] => [
  {
    name: 'security_groups',
    title: words('groups'),
    kind: 'nouns',
    from: routes['security-group'].list,
    query: { sort: 'name' },
    when: values => values.port_security === true,
  },
]

export const rareFields = (): FormField[] => [
  { name: 'port_security', title: words('port_security'), kind: 'yes', help: words('port_security.help') },
  { name: 'pairs', title: words('pairs'), kind: 'list', help: words('pairs.help') },
]

/** What both send alike. Without port security there are no groups. */
export function guardOf(values: Values) {
  const port_security = values.port_security === true
  return {
    port_security,
    ...(port_security
      ? values.security_groups !== undefined && { security_groups: values.security_groups }
      : { security_groups: [] }),
    allowed_address_pairs: linesOf(values.pairs).map(line => {
      const [address = '', mac] = line.split(/\s+/)
      return { address, ...(mac !== undefined && { mac }) }
    }),
  }
}
