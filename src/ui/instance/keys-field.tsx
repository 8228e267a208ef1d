/** Whose SSH keys the guest lets in: all of one's own unless some are left out; one pasted here, too. */
import { Checkbox, TextArea } from '@patternfly/react-core'
import type { KeyPair } from '../../api/key-pair.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import type { Values } from '../parts/form.tsx'
import { To } from '../parts/link.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './create-text.ts'

export function KeysField({ values, set }: { values: Values; set(name: string, value: unknown): void }) {
  const session = useSession()
  const { data } = useChoices<KeyPair>(routes['key-pair'].list, { sort: 'name' }, { follows: ['key-pair'] })
  const names = data?.items.map(one => one.name) ?? []
  const chosen = Array.isArray(values.key_names) ? (values.key_names as string[]) : names
  const pasted = typeof values.public_key === 'string' ? values.public_key : ''
  return (
    <div className="croft-checks" id="field-key_names" role="group" aria-label={words('keys')}>
      {names.map(name => (
        <Checkbox
          key={name}
          id={`field-key_names-${name}`}
          label={name}
          isChecked={chosen.includes(name)}
          onChange={(_, on) => set('key_names', on ? [...chosen, name] : chosen.filter(one => one !== name))}
        />
      ))}
      {data && names.length === 0 && (
        <p className="croft-muted">
          {words('keys.none')}{' '}
          {may(session, routes['key-pair'].create) && <To to="/key-pairs/create">{words('keys.make')}</To>}
        </p>
      )}
      <TextArea
        id="field-public_key"
        aria-label={words('public_key')}
        placeholder={words('public_key.placeholder')}
        rows={1}
        resizeOrientation="vertical"
        value={pasted}
        onChange={(_, typed) => set('public_key', typed)}
      />
    </div>
  )
}
