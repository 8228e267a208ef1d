/** What the pages of images share: whose one is, and its properties in a form. */
import type { Image } from '../../api/image.ts'
import { clipboardKinds, graphicsKinds, videoModels } from '../../model/graphics.ts'
import { firmwares } from '../../model/hardware.ts'
import { nicModels } from '../../model/nic.ts'
import type { FormField, Values } from '../parts/form.tsx'
import { sessionState } from '../session/session.ts'
import { words } from './text.ts'

/** Of the project that one is signed in to. */
export function isOurs({ project_id }: Pick<Image, 'project_id'>): boolean {
  const now = sessionState()
  return now.kind === 'signed-in' && now.session.project?.id === project_id
}

export function whyNotOurs(one: Image): string | undefined {
  const now = sessionState()
  if (now.kind !== 'signed-in') return undefined
  return isOurs(one) || now.session.permissions.system.includes('image.manage') ? undefined : words('why_not.others')
}

export function whyNotShared(one: Image): string | undefined {
  return isOurs(one) || one.visibility !== 'shared' ? words('why_not.answer') : undefined
}

const plain = (values: readonly string[]) => values.map(value => ({ value, title: value }))

/** In a form's values they are `property.nic_model` and so on. */
const prefix = 'property.'

export const propertyFields = (): FormField[] => [
  { name: 'property.os', title: words('property.os'), kind: 'text', help: words('property.os.help') },
  { name: 'property.os_version', title: words('property.os_version'), kind: 'text' },
  { name: 'property.user', title: words('property.user'), kind: 'text', help: words('property.user.help') },
  {
    name: 'property.disk_bus',
    title: words('property.disk_bus'),
    kind: 'choice',
    options: plain(['virtio', 'scsi', 'sata', 'ide']),
    help: words('property.disk_bus.help'),
  },
  {
    name: 'property.nic_model',
    title: words('property.nic_model'),
    kind: 'choice',
    options: plain(nicModels),
    help: words('property.nic_model.help'),
  },
  {
    name: 'property.graphics',
    title: words('property.graphics'),
    kind: 'choice',
    options: plain(graphicsKinds),
    help: words('property.graphics.help'),
  },
  {
    name: 'property.clipboard',
    title: words('property.clipboard'),
    kind: 'choice',
    options: plain(clipboardKinds),
    help: words('property.clipboard.help'),
  },
  {
    name: 'property.video_model',
    title: words('property.video_model'),
    kind: 'choice',
    options: plain(videoModels),
    help: words('property.video_model.help'),
  },
  {
    name: 'property.firmware',
    title: words('property.firmware'),
    kind: 'choice',
    options: plain(firmwares),
    help: words('property.firmware.help'),
  },
  {
    name: 'property.secure_boot',
    title: words('property.secure_boot'),
    kind: 'choice',
    options: plain(['true', 'false']),
    help: words('property.secure_boot.help'),
  },
  {
    name: 'property.tpm',
    title: words('property.tpm'),
    kind: 'choice',
    options: plain(['none', '2.0']),
    help: words('property.tpm.help'),
  },
  {
    name: 'property.architecture',
    title: words('property.architecture'),
    kind: 'choice',
    options: plain(['x86_64', 'aarch64']),
  },
  {
    name: 'property.virtualisation',
    title: words('property.virtualisation'),
    kind: 'choice',
    options: plain(['kvm', 'tcg']),
    help: words('property.virtualisation.help'),
  },
  {
    name: 'property.cpu_flags',
    title: words('property.cpu_flags'),
    kind: 'text',
    help: words('property.cpu_flags.help'),
  },
  { name: 'property.description', title: words('property.description'), kind: 'text' },
]

export function propertyValues(properties: Readonly<Record<string, string | undefined>>): Values {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [prefix + key, value]))
}

/** A form's values with `properties` as the API has them. */
export function withProperties(values: Values): Values {
  const others = Object.entries(values).filter(([key]) => !key.startsWith(prefix))
  const properties = Object.entries(values).flatMap(([key, value]) =>
    key.startsWith(prefix) && value !== undefined && value !== '' ? [[key.slice(prefix.length), value]] : [],
  )
  return { ...Object.fromEntries(others), properties: Object.fromEntries(properties) as Record<string, unknown> }
}

export const visibilities = ['private', 'shared', 'community', 'public'] as const

/** To make an image public takes a right of its own. */
export function visibilityField(): FormField {
  const now = sessionState()
  const held = now.kind === 'signed-in' ? [...now.session.permissions.system, ...now.session.permissions.project] : []
  const open = visibilities.filter(one => one !== 'public' || held.includes('image.publish'))
  return {
    name: 'visibility',
    title: words('visibility'),
    kind: 'choice',
    options: open.map(one => ({ value: one, title: words(`visibility.${one}.choice`) })),
    help: open.includes('public') ? words('visibility.help') : words('visibility.not_public'),
  }
}
