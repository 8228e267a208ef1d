/** The flags of libvirt's calls, by call, to be joined with `|`. Source: libvirt-domain.h. */

/** Which definition a change is for: what there is now, the running domain, the stored definition. */
export const affect = { current: 0, live: 1, config: 2 } as const

export const listFlag = {
  active: 1,
  inactive: 2,
  persistent: 4,
  transient: 8,
  running: 16,
  paused: 32,
  shutoff: 64,
  other: 128,
  autostart: 1024,
  no_autostart: 2048,
} as const

export const defineFlag = { validate: 1 } as const
export const startFlag = {
  paused: 1,
  autodestroy: 2,
  bypass_cache: 4,
  force_boot: 8,
  validate: 16,
  reset_nvram: 32,
} as const
export const xmlFlag = { secure: 1, inactive: 2, update_cpu: 4, migratable: 8 } as const
export const shutdownFlag = { acpi: 1, agent: 2, initctl: 4, signal: 8, paravirt: 16 } as const
export const rebootFlag = shutdownFlag
export const destroyFlag = { graceful: 1, remove_logs: 2 } as const
export const undefineFlag = {
  managed_save: 1,
  snapshots_metadata: 2,
  nvram: 4,
  keep_nvram: 8,
  checkpoints_metadata: 16,
  tpm: 32,
  keep_tpm: 64,
} as const
export const deviceFlag = { ...affect, force: 4 } as const
export const blockResizeFlag = { bytes: 1 } as const
export const memoryFlag = { ...affect, maximum: 4 } as const
export const vcpuFlag = { ...affect, maximum: 4, guest: 8, hotpluggable: 16 } as const
export const consoleFlag = { force: 1, safe: 2 } as const
export const baselineFlag = { expand_features: 1, migratable: 2 } as const
export const compareFlag = { fail_incompatible: 1, validate_xml: 2 } as const
export const jobStatsFlag = { completed: 1, keep_completed: 2 } as const

export const statsGroup = {
  state: 1,
  cpu_total: 2,
  balloon: 4,
  vcpu: 8,
  interface: 16,
  block: 32,
  perf: 64,
  iothread: 128,
  memory: 256,
  dirtyrate: 512,
  vm: 1024,
} as const
/** Beside these, `listFlag` chooses which domains. */
export const statsFlag = { nowait: 2 ** 29, backing: 2 ** 30, enforce: 2 ** 31 } as const

export const migrateFlag = {
  live: 1,
  peer2peer: 2,
  tunnelled: 4,
  persist_dest: 8,
  undefine_source: 16,
  paused: 32,
  non_shared_disk: 64,
  non_shared_inc: 128,
  change_protection: 256,
  unsafe: 512,
  offline: 1024,
  compressed: 2048,
  abort_on_error: 4096,
  auto_converge: 8192,
  rdma_pin_all: 16384,
  postcopy: 32768,
  tls: 65536,
  parallel: 131072,
} as const
