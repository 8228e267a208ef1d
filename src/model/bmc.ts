/** Management controllers of hosts, which can cut their power. */
export const bmcKinds = ['ipmi', 'redfish'] as const
export type BmcKind = (typeof bmcKinds)[number]
