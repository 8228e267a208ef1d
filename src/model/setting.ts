/** Where settings may have values: for the whole cloud, or for a part of it, over what holds above. */

/** Parts of a cloud. The more specific counts: a host's before its cluster's before its zone's; a project's before the cloud's. */
export const settingPlaces = ['project', 'host', 'cluster', 'zone'] as const
export type SettingPlaceKind = (typeof settingPlaces)[number]

export const settingScopes = ['global', ...settingPlaces] as const
export type SettingScope = (typeof settingScopes)[number]

/** Where a value in force comes from; `default` is the program's own. */
export const settingSources = ['default', ...settingScopes] as const
