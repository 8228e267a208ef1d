/** Real libvirt and QEMU take a guest with a NIC of every model that an image may ask for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainXml } from '../../../src/agent/drivers/libvirt/domain-xml.ts'
import { Libvirt } from '../../../src/lib/libvirt/index.ts'
import { nicModels } from '../../../src/model/nic.ts'
import { uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon } from '../libvirt/daemon.ts'

test('a domain with every NIC model can be defined, and keeps them', async () => {
  const daemon = await Daemon.start()
  const libvirt = await Libvirt.connect({ path: daemon.path })
  try {
    const ports = nicModels.map((model, n) => ({
      port_id: uuid(20 + n),
      network_id: uuid(30),
      mac: `fa:16:3e:00:00:0${n}`,
      mtu: 1442,
      addresses: [],
      dns: [],
      model,
    }))
    const host = {
      virtualisation: 'tcg',
      arch: 'x86_64',
      default_cpu_model: 'host-model',
      datapath: 'netdev',
      integration_bridge: 'br-int',
      log_directory: '/var/log',
      machine_directory: '/var/lib/croft/machine',
    } as const
    const instance = wantedInstance({ ports })
    const ref = await libvirt.domains.define(domainXml({ instance, disks: [], config_drive: null }, host))
    const kept = await libvirt.domains.xml(ref)
    const found = [...kept.matchAll(/<model type='([a-z0-9]+)'\/>/g)].map(match => match[1])
    assert.deepEqual(
      found.filter(model => (nicModels as readonly string[]).includes(model ?? '')).slice(0, nicModels.length),
      [...nicModels],
    )
    await libvirt.domains.undefine(ref)
  } finally {
    await libvirt.close()
    await daemon.stop()
  }
})
