/**
 * The form that makes instances: sensible choices made already; beside it where it would run and why, and what it takes of the quota,
 * live as it is filled in (plan.tsx). Not its job: whether it would be taken, which only the API says.
 */
import { useState } from 'react'
import type { Flavor } from '../../api/flavor.ts'
import type { Image } from '../../api/image.ts'
import type { Session } from '../../api/session.ts'
import type { Volume } from '../../api/volume.ts'
import { routes } from '../api/routes.ts'
import { screenFields } from '../console/screen-settings.tsx'
import { base64OfText } from '../parts/base64.ts'
import { CreatePage, type FormField, plainInput, type Values } from '../parts/form.tsx'
import { To } from '../parts/link.tsx'
import { size } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './create-text.ts'
import { instance } from './definition.tsx'
import { KeysField } from './keys-field.tsx'
import { Plan } from './plan.tsx'
import { recoveryFields } from './recovery.tsx'

const texts = (value: unknown) => (Array.isArray(value) ? (value as string[]).filter(text => text.trim() !== '') : [])

/** What is sent of what was chosen; what is hidden is not said. */
function toInput(values: Values) {
  const { boot_from, image_id, boot_volume_id, networks, user_data, start_now, config_drive, public_key, ...rest } =
    values
  const { security_groups, fixed_addresses, different_from, same_as, ...plain } = rest
  const [apart, beside] = [texts(different_from), texts(same_as)]
  const groups = texts(security_groups)
  const fixed = hasOneNic(values) ? texts(fixed_addresses) : []
  const { body } = plainInput({
    ...plain,
    ...(apart.length > 0 && { different_from: apart }),
    ...(beside.length > 0 && { same_as: beside }),
    ...(boot_from === 'volume' ? { boot_volume_id } : boot_from === 'network' ? { boot: 'network' } : { image_id }),
    ...(typeof user_data === 'string' && user_data !== '' && { user_data: base64OfText(user_data) }),
    ...(typeof public_key === 'string' && public_key.trim() !== '' && { public_keys: [public_key.trim()] }),
    ...(start_now === false && { start: false }),
    ...(config_drive === false && { config_drive: false }),
  })
  const nics = Array.isArray(networks) && {
    networks: networks.map((network_id: string) => ({
      network_id,
      ...(fixed.length > 0 && { fixed_addresses: fixed }),
      ...(groups.length > 0 && { security_groups: groups }),
    })),
  }
  // No key and no network are choices, too.
  return {
    body: { ...(body as object), ...nics, ...(Array.isArray(plain.key_names) && { key_names: plain.key_names }) },
  }
}

function hasOneNic({ networks, count }: Values): boolean {
  return Array.isArray(networks) && networks.length === 1 && (count === undefined || count === 1)
}

export default function CreateInstance() {
  const session = useSession()
  const [whyNot, setWhyNot] = useState<string>()
  return (
    <CreatePage
      noun={instance}
      route={routes.instance.create}
      initial={{ boot_from: 'image', start_now: true, config_drive: true }}
      toInput={toInput}
      whyNot={whyNot}
      fields={mainFields(session)}
      more={moreFields(session)}
      aside={values => <Plan body={toInput(values).body} onWhyNot={setWhyNot} />}
    />
  )
}

/** What to do where there is nothing to choose from, if one may. */
function none(session: Session, text: string, route: Parameters<typeof may>[1], to: string, link: string) {
  return (
    <>
      {text} {may(session, route) && <To to={to}>{link}</To>}
    </>
  )
}

function mainFields(session: Session): FormField[] {
  return [
    { name: 'name', title: words('name'), kind: 'text' },
    {
      name: 'image_id',
      title: words('image'),
      kind: 'noun',
      required: true,
      from: routes.image.list,
      query: { sort: 'name' },
      only: one => (one as Image).status === 'ready',
      first: true,
      when: values => values.boot_from === 'image',
      none: none(session, words('image.none'), routes.image.create, '/images/create', words('image.make')),
    },
    {
      name: 'flavor_id',
      title: words('flavor'),
      kind: 'noun',
      from: routes.flavor.list,
      query: { sort: 'name' },
      // The smallest first: more is easily chosen.
      order: (one, other) => (one as Flavor).memory_mib - (other as Flavor).memory_mib,
      describe: one => describeFlavor(one as Flavor),
      first: true,
      none: none(session, words('flavor.none'), routes.flavor.create, '/flavors/create', words('flavor.make')),
    },
    {
      name: 'networks',
      title: words('networks'),
      kind: 'nouns',
      from: routes.network.list,
      query: { sort: 'name', kind: 'overlay' },
      first: true,
      none: none(session, words('network.none'), routes.network.create, '/networks/create', words('network.make')),
    },
    {
      name: 'key_names',
      title: words('keys'),
      kind: 'own',
      draw: (values, set) => <KeysField values={values} set={set} />,
    },
  ]
}

function moreFields(session: Session): FormField[] {
  return [
    {
      name: 'boot_from',
      title: words('boot'),
      kind: 'choice',
      required: true,
      options: (['image', 'volume', 'network'] as const).map(value => ({ value, title: words(`boot.${value}`) })),
    },
    {
      name: 'boot_volume_id',
      title: words('volume'),
      kind: 'noun',
      from: routes.volume.list,
      query: { sort: 'name' },
      only: one => (one as Volume).instance_id === null,
      describe: one => size((one as Volume).size_gib, 'GiB'),
      required: true,
      first: true,
      when: values => values.boot_from === 'volume',
      none: words('volume.none'),
    },
    { name: 'count', title: words('count'), kind: 'number', help: words('count.help') },
    {
      name: 'disk_gib',
      title: words('disk'),
      kind: 'number',
      unit: 'GiB',
      help: words('disk.help'),
      when: values => values.boot_from !== 'volume',
    },
    {
      name: 'security_groups',
      title: words('security_groups'),
      kind: 'nouns',
      from: routes['security-group'].list,
      query: { sort: 'name' },
      help: words('security_groups.help'),
    },
    {
      name: 'fixed_addresses',
      title: words('fixed_addresses'),
      kind: 'list',
      help: words('fixed_addresses.help'),
      when: hasOneNic,
    },
    { name: 'zone_id', title: words('zone'), kind: 'noun', from: routes.zone.list, empty: words('zone.any') },
    ...(may(session, routes.host.list)
      ? ([
          { name: 'host_id', title: words('host'), kind: 'noun', from: routes.host.list, empty: words('host.any') },
        ] as const)
      : []),
    {
      name: 'group_id',
      title: words('group'),
      kind: 'noun',
      from: routes['instance-group'].list,
      query: { sort: 'name' },
      help: words('group.help'),
    },
    {
      name: 'different_from',
      title: words('different_from'),
      kind: 'nouns',
      from: routes.instance.list,
      query: { sort: 'name' },
      help: words('different_from.help'),
    },
    {
      name: 'same_as',
      title: words('same_as'),
      kind: 'nouns',
      from: routes.instance.list,
      query: { sort: 'name' },
      help: words('same_as.help'),
    },
    { name: 'tags', title: words('tags'), kind: 'tags' },
    { name: 'user_data', title: words('user_data'), kind: 'area', help: words('user_data.help') },
    ...recoveryFields(),
    { name: 'config_drive', title: words('config_drive'), kind: 'yes', help: words('config_drive.help') },
    ...screenFields(),
    { name: 'start_now', title: words('start_now'), kind: 'yes' },
  ]
}

function describeFlavor({ vcpus, memory_mib, disk_gib }: Flavor): string {
  return words('size.text', { vcpus, memory: size(memory_mib, 'MiB'), disk: size(disk_gib, 'GiB') })
}
