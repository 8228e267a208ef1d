/** Sets a host's management controller. */
import type { Host } from '../../api/host.ts'
import type { HostBmc } from '../../api/host-bmc.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type FormField, type Values } from '../parts/form.tsx'
import { words } from './fencing-text.ts'

const ofRedfish = (values: Values) => values.kind === 'redfish'

/** `kept`: it has a password already. */
const fields = (kept: boolean): FormField[] => [
  { name: 'kind', title: words('kind'), kind: 'choice', required: true },
  { name: 'address', title: words('address'), kind: 'text', required: true },
  { name: 'port', title: words('port'), kind: 'number', help: words('port.help') },
  { name: 'user', title: words('user'), kind: 'text', required: true },
  {
    name: 'password',
    title: words('password'),
    kind: 'password',
    help: words(kept ? 'password.kept' : 'password.help'),
    required: !kept,
  },
  { name: 'cipher_suite', title: words('cipher'), kind: 'number', when: values => !ofRedfish(values) },
  {
    name: 'certificate_sha256',
    title: words('fingerprint'),
    kind: 'text',
    help: words('fingerprint.help'),
    when: ofRedfish,
  },
  { name: 'system', title: words('system'), kind: 'text', help: words('system.help'), when: ofRedfish },
]

export function BmcDialog({ host, bmc, done }: { host: Host; bmc: HostBmc | undefined; done: () => void }) {
  const { kind = 'redfish', address = '', port = null, user = '', cipher_suite = 3 } = bmc ?? {}
  return (
    <FormDialog
      title={words('bmc.title', { name: host.name })}
      yes={words('save')}
      route={routes['host-bmc'].set}
      initial={{
        kind,
        address,
        ...(port !== null && { port }),
        user,
        cipher_suite,
        certificate_sha256: bmc?.certificate_sha256 ?? '',
        system: bmc?.system ?? '',
      }}
      toInput={values => ({
        params: { host: host.id },
        body: Object.fromEntries(
          Object.entries({ ...values, ca_pem: bmc?.ca_pem ?? undefined }).filter(
            ([, value]) => value !== '' && value !== undefined,
          ),
        ),
      })}
      fields={fields(bmc !== undefined)}
      done={done}
    />
  )
}
