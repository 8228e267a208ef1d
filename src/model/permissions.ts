/**
 * What may be permitted, and the roles that come with Croft. A role is a set of permissions; a grant gives a role to a
 * user on everything, on a domain and all below it, on one project, or on one instance. An administrator may compose roles of any subset.
 */
export const permissions = [
  'instance.read',
  'instance.operate',
  'instance.manage',
  'instance.command',
  'volume.read',
  'volume.manage',
  'image.read',
  'image.manage',
  'image.publish',
  'image.trust',
  'network.read',
  'network.manage',
  'network.publish',
  'floating-ip.manage',
  'security-group.manage',
  'flavor.read',
  'flavor.manage',
  'key-pair.manage',
  'topology.read',
  'topology.manage',
  'host.fence',
  'domain.read',
  'domain.manage',
  'project.read',
  'project.manage',
  'user.read',
  'user.manage',
  'role.read',
  'role.manage',
  'quota.read',
  'quota.manage',
  'setting.read',
  'setting.manage',
  'operation.read',
  'event.read',
  'audit.read',
] as const
export type Permission = (typeof permissions)[number]

/** What of a role counts where it is given on one instance: nothing there is another's business. */
export const instancePermissions = [
  'instance.read',
  'instance.operate',
  'instance.manage',
  'instance.command',
] as const satisfies Permission[]

const reader: readonly Permission[] = [
  'instance.read',
  'volume.read',
  'image.read',
  'network.read',
  'flavor.read',
  'quota.read',
  'operation.read',
  'event.read',
  'project.read',
  'role.read',
]

const member: readonly Permission[] = [
  ...reader,
  'instance.operate',
  'instance.manage',
  'volume.manage',
  'image.manage',
  'network.manage',
  'floating-ip.manage',
  'security-group.manage',
  'key-pair.manage',
]

const domainAdmin: readonly Permission[] = [
  ...member,
  'domain.read',
  'project.manage',
  'user.read',
  'user.manage',
  'quota.manage',
  'audit.read',
]

export const builtInRoles = {
  admin: { description: 'May do everything', permissions },
  'domain-admin': { description: 'Runs one domain: its projects, users and quotas', permissions: domainAdmin },
  'network-admin': {
    description: 'Runs networks, also external and shared ones',
    permissions: [
      ...reader,
      'network.manage',
      'network.publish',
      'floating-ip.manage',
      'security-group.manage',
    ] satisfies Permission[],
  },
  member: { description: 'Creates and runs resources inside the quota', permissions: member },
  operator: {
    description: 'Operates existing instances: start, stop, reboot, console',
    permissions: [...reader, 'instance.operate', 'key-pair.manage'] satisfies Permission[],
  },
  'guest-operator': {
    description: 'Sees instances, and runs commands in them through the guest agent',
    permissions: [...reader, 'instance.command'] satisfies Permission[],
  },
  reader: { description: 'Sees, changes nothing', permissions: reader },
} as const satisfies Record<string, { description: string; permissions: readonly Permission[] }>
