/** How instances of a group are placed: on one host, on one each, or so as far as there is room. */
export const groupPolicies = ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const
export type GroupPolicy = (typeof groupPolicies)[number]
