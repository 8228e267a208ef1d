/** The fields that say what a floating address is in front of. */
import type { Instance } from '../../api/instance.ts'
import type { Port } from '../../api/port.ts'
import { routes } from '../api/routes.ts'
import { textOf } from '../network/shared.ts'
import type { FormField, Values } from '../parts/form.tsx'
import { words } from './text.ts'

export const targetFields = (): FormField[] => [
  {
    name: 'instance_id',
    title: words('instance'),
    kind: 'noun',
    from: routes.instance.list,
    query: { sort: 'name' },
    describe: one => (one as Instance).addresses.map(each => each.address).join(', '),
    help: words('instance.help'),
    when: values => !values.port_id,
  },
]

export const rareFields = (): FormField[] => [
  {
    name: 'port_id',
    title: words('port'),
    kind: 'noun',
    from: routes.port.list,
    only: one => ['instance', 'free'].includes((one as Port).kind),
    describe: one => (one as Port).addresses.map(each => each.address).join(', '),
    help: words('port.help'),
    when: values => !values.instance_id,
  },
  { name: 'fixed_address', title: words('fixed.field'), kind: 'text', help: words('fixed.help') },
]

export function targetOf({ instance_id, port_id, fixed_address }: Values) {
  if (!instance_id && !port_id) return {}
  const fixed = textOf(fixed_address)
  return { ...(instance_id ? { instance_id } : { port_id }), ...(fixed !== undefined && { fixed_address: fixed }) }
}
