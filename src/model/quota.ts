/** What is limited, per project and per domain, and how much a new project gets. */
export const quotaResources = [
  'instances',
  'vcpus',
  'memory_mib',
  'storage_gib',
  'networks',
  'routers',
  'floating_ips',
  'security_groups',
  'images',
  'instance_groups',
] as const
export type QuotaResource = (typeof quotaResources)[number]
export type QuotaCharge = Partial<Record<QuotaResource, number>>

export const projectQuotaDefaults: Record<QuotaResource, number> = {
  instances: 100,
  vcpus: 200,
  memory_mib: 409_600,
  storage_gib: 5_000,
  networks: 50,
  routers: 20,
  floating_ips: 50,
  security_groups: 50,
  images: 50,
  instance_groups: 50,
}
