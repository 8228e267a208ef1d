/** Permissions by what they are about, in the order that pages show them. Every permission is in one. */
import { type Permission, permissions } from '../../model/permissions.ts'

const groupOf: Readonly<Record<string, string>> = {
  instance: 'compute',
  'key-pair': 'compute',
  volume: 'storage',
  image: 'storage',
  network: 'network',
  'floating-ip': 'network',
  'security-group': 'network',
  flavor: 'flavor',
  domain: 'access',
  project: 'access',
  user: 'access',
  role: 'access',
  quota: 'limits',
  topology: 'operate',
  host: 'operate',
  setting: 'operate',
}

/** What is of none of these is about watching: operations, events, audit. */
export const permissionGroups: ReadonlyMap<string, readonly Permission[]> = Map.groupBy(
  permissions,
  one => groupOf[one.split('.', 1)[0] ?? ''] ?? 'watch',
)
