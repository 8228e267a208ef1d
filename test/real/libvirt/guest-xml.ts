/** Domains for tests: small enough to start in a fraction of a second without KVM, and they need no disk and no network. */
import { randomUUID } from 'node:crypto'

export interface TinyDomain {
  name: string
  uuid: string
  xml: string
}

/** Sits in its firmware, which writes to the serial console and waits half a minute for ESC. */
export function tinyDomain(name: string, devices = ''): TinyDomain {
  const uuid = randomUUID()
  const xml = `<domain type='qemu'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>32</memory>
  <currentMemory unit='MiB'>32</currentMemory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <bootmenu enable='yes' timeout='30000'/>
    <bios useserial='yes'/>
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='pty'><target port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <memballoon model='none'/>
    ${devices}
  </devices>
</domain>`
  return { name, uuid, xml }
}
