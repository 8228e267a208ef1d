/** What comes from OpenStack and would be read by nobody is refused by its name, with what does it here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foreignProperty } from '../../../src/model/foreign-properties.ts'

test('each property of Nova is refused, and says what does it here', () => {
  const instead = {
    'hw:cpu_policy': 'cpu.policy',
    'hw:cpu_thread_policy': 'cpu.threads',
    'hw:cpu_max_cores': 'cpu.topology',
    'hw:mem_page_size': 'memory.page_size',
    'hw:numa_cpus.1': 'numa.N.cpus',
    'pci_passthrough:alias': 'pci,',
    'trait:HW_CPU_X86_AVX2': 'cpu.flags.required',
    'aggregate_instance_extra_specs:ssd': 'aggregate:KEY',
    'hw:firmware_type': 'firmware,',
    'os:secure_boot': 'secure_boot,',
    'hw:tpm_version': 'tpm,',
    'hw:tpm_model': 'tpm,',
    'hw:watchdog_action': '--watchdog-action',
    'hw:cpu_realtime': 'Leave it out',
    'quota:disk_read_iops_sec': 'Leave it out',
    'resources1:VGPU': 'Leave it out',
  }
  for (const [key, own] of Object.entries(instead)) {
    const told = foreignProperty(['rack', key])
    assert.ok(told?.includes(key) && told.includes(own), `${key}: ${told}`)
  }
})

test('what is read here, and keys of one’s own, are let be', () => {
  const own = [
    'cpu.policy',
    'numa.0.cpus',
    'pci',
    'label:disk',
    'aggregate:ssd',
    'cpu_flags',
    'hardware',
    'owner:team',
    'osx:1',
  ]
  assert.equal(foreignProperty(own), null)
})
