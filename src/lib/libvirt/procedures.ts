/**
 * The numbers of libvirt's remote protocol that this client uses: programs, procedures, features.
 * Source: libvirt's remote_protocol.x, qemu_protocol.x and virkeepaliveprotocol.x. Numbers are never reused there.
 */

export interface Program {
  name: string
  number: number
  version: number
}

export interface Procedure {
  program: Program
  number: number
  /** As in remote_protocol.x, in lower case: what error messages call it. */
  name: string
}

const REMOTE: Program = { name: 'remote', number: 0x2000_8086, version: 1 }
const QEMU: Program = { name: 'qemu', number: 0x2000_8087, version: 1 }
export const KEEPALIVE: Program = { name: 'keepalive', number: 0x6b65_6570, version: 1 }

export const keepaliveProcedure = { ping: 1, pong: 2 }

/** Features of the driver that a client asks about, by number (libvirt_internal.h). */
export const feature = { program_keepalive: 10 }

export const remote = table(REMOTE, {
  connect_open: 1,
  connect_close: 2,
  connect_get_type: 3,
  connect_get_version: 4,
  node_get_info: 6,
  connect_get_capabilities: 7,
  domain_create_xml: 10,
  domain_get_xml_desc: 14,
  domain_get_autostart: 15,
  domain_get_info: 16,
  domain_lookup_by_name: 23,
  domain_lookup_by_uuid: 24,
  domain_reboot: 27,
  domain_resume: 28,
  domain_set_autostart: 29,
  domain_suspend: 34,
  connect_get_hostname: 59,
  connect_supports_feature: 60,
  auth_list: 66,
  storage_vol_lookup_by_path: 97,
  node_get_free_memory: 102,
  connect_get_uri: 110,
  connect_get_lib_version: 157,
  domain_memory_stats: 159,
  domain_attach_device_flags: 160,
  domain_detach_device_flags: 161,
  connect_baseline_cpu: 162,
  domain_abort_job: 164,
  domain_migrate_set_max_downtime: 166,
  domain_update_device_flags: 174,
  domain_get_block_info: 194,
  domain_create_with_flags: 196,
  domain_set_vcpus_flags: 199,
  domain_open_console: 201,
  domain_set_memory_flags: 204,
  storage_vol_upload: 208,
  storage_vol_download: 209,
  domain_screenshot: 211,
  domain_get_state: 212,
  domain_pin_vcpu_flags: 225,
  node_get_memory_stats: 228,
  domain_undefine_flags: 231,
  domain_destroy_flags: 234,
  domain_block_job_abort: 237,
  domain_get_block_job_info: 238,
  domain_reset: 245,
  domain_block_resize: 251,
  domain_set_block_io_tune: 252,
  domain_shutdown_flags: 258,
  domain_set_metadata: 264,
  domain_get_metadata: 265,
  connect_list_all_domains: 273,
  domain_pin_emulator: 279,
  domain_open_channel: 296,
  domain_get_job_stats: 298,
  domain_migrate_begin3_params: 302,
  domain_migrate_prepare3_params: 303,
  domain_migrate_perform3_params: 305,
  domain_migrate_finish3_params: 306,
  domain_migrate_confirm3_params: 307,
  domain_set_memory_stats_period: 308,
  connect_domain_event_callback_register_any: 316,
  connect_domain_event_callback_deregister_any: 317,
  domain_event_callback_lifecycle: 318,
  domain_event_callback_reboot: 319,
  domain_event_callback_rtc_change: 320,
  domain_event_callback_watchdog: 321,
  domain_event_callback_io_error_reason: 324,
  domain_event_callback_control_error: 325,
  domain_event_callback_disk_change: 327,
  domain_event_callback_tray_change: 328,
  domain_event_callback_pmwakeup: 329,
  domain_event_callback_pmsuspend: 330,
  domain_event_callback_balloon_change: 331,
  domain_event_callback_pmsuspend_disk: 332,
  domain_event_callback_device_removed: 333,
  domain_event_block_job_2: 339,
  connect_get_domain_capabilities: 342,
  connect_get_all_domain_stats: 344,
  domain_event_callback_tunable: 346,
  domain_event_callback_agent_lifecycle: 348,
  domain_define_xml_flags: 350,
  domain_interface_addresses: 353,
  domain_event_callback_device_added: 354,
  domain_set_user_password: 357,
  domain_event_callback_migration_iteration: 359,
  domain_event_callback_job_completed: 363,
  domain_migrate_start_post_copy: 364,
  domain_event_callback_device_removal_failed: 367,
  domain_event_callback_metadata_change: 379,
  domain_event_block_threshold: 385,
  domain_detach_device_alias: 392,
  connect_compare_hypervisor_cpu: 393,
  connect_baseline_hypervisor_cpu: 394,
  domain_get_guest_info: 418,
  domain_agent_set_response_timeout: 420,
  domain_event_memory_failure: 423,
  domain_event_memory_device_size_change: 438,
})

export const qemu = table(QEMU, {
  domain_monitor_command: 1,
  domain_agent_command: 3,
})

function table<Name extends string>(program: Program, numbers: Record<Name, number>): Record<Name, Procedure> {
  const rows = Object.entries<number>(numbers).map(([name, number]) => [name, { program, number, name }])
  return Object.fromEntries(rows) as Record<Name, Procedure>
}
