/**
 * The tables as TypeScript sees them; migrations/ is where they are made. Only store/ imports this.
 * Times come as Date, bigint as number (none of ours passes 2^53), inet, macaddr and xid8 as text, jsonb parsed.
 */
import type { Generated } from 'kysely'
import type { ConsoleKind, ShownKind } from '../../model/console.ts'
import type { MigrationStep } from '../../protocol/migration.ts'
import type { KeyKind, SignatureAlgorithm } from '../../model/signature.ts'
import type { InstanceState } from '../../model/instance.ts'
import type { VolumeRole } from '../../model/volume.ts'
import type { MaintenanceObstacleTable, MaintenanceTable, MigrationTable } from './schema-moving.ts'
import type {
  HardwareClaimTable,
  HostCpuClaimTable,
  HostHardwareTable,
  HostPciClaimTable,
  PciAliasTable,
} from './schema-hardware.ts'
import type { HostClaimTable, InstanceGroupTable, PlacementTable, PoolTable } from './schema-placement.ts'
import type {
  HaRestartTable,
  HostAbsenceTable,
  HostBmcTable,
  HostReachTable,
  LeaderTable,
  ZoneStormTable,
} from './schema-lost-hosts.ts'

export interface ControllerTable {
  id: string
  name: string
  agent_url: string
  version: string
  lease_until: Date
  run: string | null
}

export interface DomainTable {
  id: string
  name: string
  parent_id: string | null
  description: Generated<string>
  enabled: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface ProjectTable {
  id: string
  domain_id: string
  name: string
  description: Generated<string>
  enabled: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface UserTable {
  id: string
  domain_id: string
  name: string
  email: string | null
  password_hash: string | null
  enabled: Generated<boolean>
  default_project_id: string | null
  version: Generated<number>
  created_at: Generated<Date>
}

export interface SignInAttemptTable {
  key: string
  failed: number
  last_at: Generated<Date>
  locked_until: Date | null
}

export interface RoleTable {
  id: string
  name: string
  description: Generated<string>
  permissions: string[]
  built_in: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface RoleGrantTable {
  id: string
  user_id: string
  role_id: string
  scope: 'system' | 'domain' | 'project' | 'instance'
  domain_id: string | null
  project_id: string | null
  instance_id: Generated<string | null>
  created_at: Generated<Date>
}

export interface ApiKeyTable {
  id: string
  user_id: string
  project_id: string | null
  name: string
  secret_sha256: Buffer
  expires_at: Date | null
  last_used_at: Date | null
  created_at: Generated<Date>
}

export interface TokenTable {
  secret_sha256: Buffer
  user_id: string
  project_id: string | null
  created_at: Generated<Date>
  expires_at: Date
}

export interface QuotaTable {
  scope: 'domain' | 'project'
  scope_id: string
  resource: string
  used: Generated<number>
  limit_value: number | null
}

export interface SettingTable {
  name: string
  value: unknown
  updated_at: Generated<Date>
  updated_by: string | null
}

export interface SettingScopeTable {
  name: string
  scope: 'zone' | 'cluster' | 'host' | 'project'
  zone_id: string | null
  cluster_id: string | null
  host_id: string | null
  project_id: string | null
  value: unknown
  updated_at: Generated<Date>
  updated_by: string | null
}

export interface SettingChangeTable {
  id: string
  name: string
  scope: 'global' | 'zone' | 'cluster' | 'host' | 'project'
  scope_id: string | null
  scope_name: string | null
  value_before: unknown
  value_after: unknown
  user_id: string | null
  at: Generated<Date>
}

export interface RegionTable {
  id: string
  name: string
  created_at: Generated<Date>
}

export interface AggregateTable {
  id: string
  name: string
  description: Generated<string>
  metadata: Generated<unknown>
  restricted: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface AggregateHostTable {
  aggregate_id: string
  host_id: string
}

export interface AggregateProjectTable {
  aggregate_id: string
  project_id: string
}

export interface HostRegistrationTable {
  id: string
  key_sha256: Buffer
  csr_pem: string
  hostname: string
  machine_id: string
  address: string
  found: Generated<unknown>
  hardware_id: Generated<unknown>
  cluster_id: string | null
  invited: Generated<boolean>
  state: Generated<'pending' | 'approved' | 'rejected'>
  host_id: string | null
  certificate_pem: string | null
  decided_at: Date | null
  decided_by: string | null
  asked_at: Generated<Date>
  expires_at: Date
  created_at: Generated<Date>
}

export interface ZoneTable {
  id: string
  region_id: Generated<string>
  name: string
  created_at: Generated<Date>
}

export interface ClusterTable {
  id: string
  zone_id: string
  name: string
  cpu_overcommit: Generated<number>
  memory_overcommit: Generated<number>
  cpu_baseline: Generated<unknown>
  cpu_baseline_version: Generated<number>
  cpu_baseline_at: Date | null
  ha_failures_tolerated: Generated<number>
  created_at: Generated<Date>
}

export interface HostTable {
  id: string
  /** Null: it was removed, and the cluster after it. */
  cluster_id: string | null
  name: string
  machine_id: string
  certificate_sha256: Buffer
  key_sha256: Buffer | null
  reserved_memory_mib: number | null
  reserved_vcpus: number | null
  cpu_verdict: Generated<unknown>
  schedulable: Generated<boolean>
  labels: Generated<unknown>
  facts: Generated<unknown>
  vcpus_limit: Generated<number>
  memory_limit_mib: Generated<number>
  disk_limit_gib: Generated<number>
  session_controller_id: string | null
  /** Of which link it is expected to dial again: host-link.ts, endSessions. */
  expected_epoch: Generated<number | null>
  session_epoch: Generated<number>
  last_seen_at: Date | null
  last_report: Generated<number>
  /** That as its link began: what was reported since has a greater number. */
  reported_before: number | null
  foreign_domains: Generated<unknown>
  /** From its facts: CPUs, and memory set aside as huge pages. */
  cpus: Generated<number>
  huge_mib: Generated<number>
  removed_at: Date | null
  created_at: Generated<Date>
  pool_id: string | null
  lease_ms: Generated<number>
  lease_left_ms: number | null
  lease_over_at: Date | null
  keeps_leases: Generated<boolean>
  asks_first: Generated<boolean>
  /** Where other hosts reach it, and where its link came from; what it says itself is in its facts. */
  tunnel_address: string | null
  link_address: string | null
  /** By what its machine is known, and another one with its key; see host-identity.ts. */
  hardware_id: Generated<unknown>
  other_hardware: Generated<unknown>
  /** What was counted of it when its link ended, and which link that was. */
  counted_at_end: number | null
  counted_epoch: number | null
  /** What the scheduler reads of it: how often it was changed, and by which transaction last; kept by triggers. */
  changes: Generated<number>
  changed_xid: Generated<string>
}

export interface HeldInstanceTable {
  host_id: string
  instance_id: string
  kind: 'ahead' | 'orphaned' | 'elsewhere' | 'missing' | 'moving'
  generation: number
  details_version: number
  power: string
  wanted: unknown
  purging: Generated<boolean>
  noted_at: Generated<Date>
  placement: Generated<number>
  migration_id: string | null
  step: MigrationStep | null
  here: Generated<boolean>
}

export interface JoinTokenTable {
  id: Generated<string>
  /** Null: made by a controller of before migrations/0030-lists. */
  created_at: Generated<Date | null>
  secret_sha256: Buffer
  cluster_id: string
  created_by: string | null
  expires_at: Date
  used_at: Date | null
  used_by_host_id: string | null
  key_sha256: Buffer | null
  replaces_host_id: string | null
}

export interface SecretTable {
  name: string
  sealed: Buffer
  created_at: Generated<Date>
}

export interface FlavorTable {
  id: string
  name: string
  vcpus: number
  memory_mib: number
  disk_gib: number
  ephemeral_gib: Generated<number>
  swap_mib: Generated<number>
  properties: Generated<unknown>
  created_at: Generated<Date>
}

export interface KeyPairTable {
  id: string
  user_id: string
  name: string
  public_key: string
  fingerprint: string
  created_at: Generated<Date>
}

export interface ImageTable {
  id: string
  project_id: string
  name: string
  visibility: Generated<'public' | 'private' | 'shared' | 'community'>
  status: 'waiting' | 'fetching' | 'checking' | 'ready' | 'failed'
  failure: string | null
  progress_percent: Generated<number>
  source_url: string | null
  expected_sha256: string | null
  upload_bytes: number | null
  format: string | null
  size_bytes: number | null
  virtual_size_bytes: number | null
  sha256: string | null
  min_disk_gib: Generated<number>
  min_memory_mib: Generated<number>
  properties: Generated<unknown>
  tags: Generated<unknown>
  signature: Buffer | null
  signature_algorithm: SignatureAlgorithm | null
  signing_key_id: string | null
  signing_key_name: string | null
  signing_key_fingerprint: string | null
  verified_at: Date | null
  protected: Generated<boolean>
  lease_by: string | null
  lease_until: Date | null
  attempts: Generated<number>
  deleted_at: Date | null
  version: Generated<number>
  created_at: Generated<Date>
}

export interface ImageMemberTable {
  image_id: string
  project_id: string
  status: Generated<'pending' | 'accepted' | 'rejected'>
  created_at: Generated<Date>
  answered_at: Date | null
}

export interface ImageKeyTable {
  id: string
  name: string
  description: Generated<string>
  public_key: string
  kind: KeyKind
  fingerprint: string
  created_at: Generated<Date>
}

export interface NetworkTable {
  id: string
  project_id: string
  name: string
  kind: 'overlay' | 'external'
  shared: Generated<boolean>
  mtu: number
  physical_network: string | null
  vlan: number | null
  version: Generated<number>
  created_at: Generated<Date>
}

export interface SubnetTable {
  id: string
  network_id: string
  project_id: string
  name: string
  cidr: string
  gateway: string | null
  dns: Generated<string[]>
  host_routes: Generated<unknown>
  dhcp: Generated<boolean>
  pool_start: string
  pool_end: string
  next_address: string
  version: Generated<number>
  created_at: Generated<Date>
}

export interface SecurityGroupTable {
  id: string
  project_id: string
  name: string
  description: Generated<string>
  is_default: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface SecurityGroupRuleTable {
  id: string
  security_group_id: string
  direction: 'ingress' | 'egress'
  ethertype: 'ipv4' | 'ipv6'
  protocol: string | null
  port_min: number | null
  port_max: number | null
  remote_cidr: string | null
  remote_group_id: string | null
  description: Generated<string>
  created_at: Generated<Date>
}

export interface InstanceTable {
  id: string
  project_id: string
  user_id: string
  name: string
  hostname: string
  host_id: string
  zone_id: string
  flavor_id: string
  flavor_name: string
  image_id: string | null
  image_name: string
  vcpus: number
  memory_mib: number
  disk_gib: number
  cpu_model: Generated<string>
  cpu_features: Generated<unknown>
  config_drive: Generated<boolean>
  watchdog_action: Generated<string>
  user_data: string | null
  public_keys: Generated<unknown>
  tags: Generated<unknown>
  wanted_power: 'running' | 'stopped'
  generation: Generated<number>
  details_version: Generated<number>
  reboot_count: Generated<number>
  reboot_kind: Generated<'soft' | 'hard'>
  deleted_at: Date | null
  purge_at: Date | null
  compute_claimed: Generated<boolean>
  purging: Generated<boolean>
  held_generation: Generated<number | null>
  /** How often its host has changed. */
  placement: Generated<number>
  boot: Generated<'image' | 'volume' | 'iso' | 'network'>
  ephemeral_gib: Generated<number>
  swap_mib: Generated<number>
  graphics: Generated<'vnc' | 'spice'>
  clipboard: Generated<'none' | 'shared'>
  video_model: Generated<'vga' | 'virtio'>
  availability: Generated<'restart' | 'high'>
  ha_priority: Generated<number>
  on_crash: Generated<'restart' | 'stop'>
  guard_from: Generated<number | null>
  group_id: Generated<string | null>
  /** Made in migrations/explain; null: as its placement says. */
  same_as: Generated<string[] | null>
  different_from: Generated<string[] | null>
  hardware: Generated<unknown>
  memory_base_mib: Generated<number | null>
  grows_from: Generated<number | null>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface InstanceObservedTable {
  instance_id: string
  report: number
  applied_generation: number
  power: 'absent' | 'running' | 'stopped' | 'paused' | 'crashed'
  failure: string | null
  progress: Generated<unknown>
  started_at: Date | null
  guest_addresses: Generated<string[]>
  guest_agent: Generated<'connected' | 'disconnected'>
  guest_os: string | null
  ever_ran: Generated<boolean>
  refused: Generated<boolean>
  crashes: Generated<unknown>
  watchdog: Generated<unknown>
  guarded_version: Generated<number | null>
  observed_at: Generated<Date>
}

/** Which state each instance is shown in, to find and sort by; kept by triggers, at the commit (migrations/0021). Nobody else writes it. */
export interface InstanceStateTable {
  instance_id: string
  state: InstanceState
  project_id: string
  name: string
  created_at: Date
}

export interface VolumeTable {
  id: string
  project_id: string
  instance_id: string | null
  host_id: string | null
  name: string
  role: VolumeRole
  size_gib: number
  size_mib: number | null
  image_id: string | null
  bus: Generated<string>
  keep: Generated<boolean>
  made: Generated<boolean>
  deleted_at: Generated<Date | null>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface PortTable {
  id: string
  network_id: string
  project_id: string
  name: Generated<string>
  mac: string
  kind: 'instance' | 'router' | 'gateway' | 'metadata' | 'floating' | 'free'
  instance_id: string | null
  router_id: string | null
  position: Generated<number>
  port_security: Generated<boolean>
  allowed_address_pairs: Generated<unknown>
  admin_up: Generated<boolean>
  model: Generated<string>
  kept: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface PortAddressTable {
  network_id: string
  subnet_id: string
  port_id: string
  address: string
  /** Its port's, by a trigger. */
  project_id: Generated<string | null>
}

export interface PortSecurityGroupTable {
  port_id: string
  security_group_id: string
}

export interface RouterTable {
  id: string
  project_id: string
  name: string
  external_network_id: string | null
  snat: Generated<boolean>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface RouterInterfaceTable {
  router_id: string
  subnet_id: string
  port_id: string
  cidr: string
}

export interface FloatingIpTable {
  id: string
  project_id: string
  network_id: string
  address_port_id: string
  address: string
  port_id: string | null
  fixed_address: string | null
  router_id: string | null
  description: Generated<string>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface ConsoleTicketTable {
  secret_sha256: Buffer
  instance_id: string
  user_id: string
  expires_at: Date
  kind: Generated<ConsoleKind>
  view_only: Generated<boolean>
  link_id: string | null
  viewer_id: string | null
  token_sha256: Buffer | null
}

export interface ConsoleLinkTable {
  id: string
  instance_id: string
  secret_sha256: Buffer
  user_id: string
  kind: ShownKind
  expires_at: Date
  created_at: Generated<Date>
}

export interface ConsoleViewerTable {
  id: string
  instance_id: string
  controller_id: string
  link_id: string | null
  user_id: string
  kind: ConsoleKind
  view_only: boolean
  address: string
  opened_at: Generated<Date>
  token_sha256: Buffer | null
}

export interface OperationTable {
  id: string
  project_id: string | null
  user_id: string | null
  request_id: string | null
  kind: string
  noun: string
  resource_id: string | null
  targets: Generated<number>
  succeeded: Generated<number>
  failed: Generated<number>
  cancelled: Generated<number>
  reason: string | null
  created_at: Generated<Date>
  ended_at: Date | null
}

export interface OperationTargetTable {
  operation_id: string
  resource_id: string
  generation: number
  outcome: 'succeeded' | 'failed' | 'cancelled' | null
  reason: string | null
}

export interface EventTable {
  seq: Generated<number | null>
  xid: Generated<string>
  at: Generated<Date>
  project_id: string | null
  noun: string
  resource_id: string
  kind: string
  user_id: string | null
  request_id: string | null
  detail: Generated<unknown>
}

export interface AuditTable {
  seq: Generated<number>
  at: Generated<Date>
  user_id: string | null
  user_name: string | null
  project_id: string | null
  request_id: string
  address: string | null
  method: string
  path: string
  action: string
  resource_id: string | null
  outcome: number
  error: string | null
  detail: unknown
  sealed_seq: number | null
  hash: Buffer | null
}

export interface IdempotencyTable {
  user_id: string
  key: string
  request_sha256: Buffer
  status: number | null
  body: Generated<unknown>
  created_at: Generated<Date>
}

export interface Schema {
  controller: ControllerTable
  domain: DomainTable
  project: ProjectTable
  user: UserTable
  role: RoleTable
  role_grant: RoleGrantTable
  api_key: ApiKeyTable
  token: TokenTable
  sign_in_attempt: SignInAttemptTable
  quota: QuotaTable
  setting: SettingTable
  setting_scope: SettingScopeTable
  setting_change: SettingChangeTable
  region: RegionTable
  zone: ZoneTable
  aggregate: AggregateTable
  aggregate_host: AggregateHostTable
  aggregate_project: AggregateProjectTable
  host_registration: HostRegistrationTable
  cluster: ClusterTable
  host: HostTable
  host_bmc: HostBmcTable
  host_absence: HostAbsenceTable
  host_reach: HostReachTable
  zone_storm: ZoneStormTable
  leader: LeaderTable
  ha_restart: HaRestartTable
  host_claim: HostClaimTable
  host_hardware: HostHardwareTable
  hardware_claim: HardwareClaimTable
  host_cpu_claim: HostCpuClaimTable
  host_pci_claim: HostPciClaimTable
  pci_alias: PciAliasTable
  pool: PoolTable
  held_instance: HeldInstanceTable
  join_token: JoinTokenTable
  secret: SecretTable
  flavor: FlavorTable
  key_pair: KeyPairTable
  image: ImageTable
  image_member: ImageMemberTable
  image_key: ImageKeyTable
  network: NetworkTable
  subnet: SubnetTable
  security_group: SecurityGroupTable
  security_group_rule: SecurityGroupRuleTable
  instance_group: InstanceGroupTable
  instance: InstanceTable
  instance_observed: InstanceObservedTable
  instance_state: InstanceStateTable
  volume: VolumeTable
  port: PortTable
  port_address: PortAddressTable
  port_security_group: PortSecurityGroupTable
  router: RouterTable
  router_interface: RouterInterfaceTable
  floating_ip: FloatingIpTable
  console_ticket: ConsoleTicketTable
  console_link: ConsoleLinkTable
  console_viewer: ConsoleViewerTable
  operation: OperationTable
  operation_target: OperationTargetTable
  event: EventTable
  audit: AuditTable
  placement: PlacementTable
  migration: MigrationTable
  maintenance: MaintenanceTable
  maintenance_obstacle: MaintenanceObstacleTable
  idempotency: IdempotencyTable
}
