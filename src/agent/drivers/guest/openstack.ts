/**
 * What a guest reads of itself in OpenStack's layout, for config drive and metadata service alike. Pure. Formats: OpenStack
 * Nova's user documentation, "Metadata", and its network_data.json schema; read by cloud-init, cloudbase-init, Ignition.
 */
import ipaddr from 'ipaddr.js'
import type { WantedInstance, WantedPort } from '../../../protocol/wanted.ts'
import { namedDisks } from '../disk-names.ts'

/** Oldest to newest; a guest asks for the newest it knows. Content is the same in all of them. */
export const openstackVersions = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  'latest',
] as const

/** File name → content; the same names under each version. `user_data` is there only when the instance has some. */
export function openstackFiles(instance: WantedInstance): Map<string, Buffer> {
  const files = new Map<string, Buffer>([
    ['meta_data.json', json(metaData(instance))],
    ['network_data.json', json(networkData(instance.ports))],
    ['vendor_data.json', json({})],
    ['vendor_data2.json', json({})],
  ])
  const user_data = userData(instance)
  if (user_data !== null) files.set('user_data', user_data)
  return files
}

export function userData(instance: WantedInstance): Buffer | null {
  const { user_data } = instance.metadata
  return user_data === null ? null : Buffer.from(user_data, 'base64')
}

function metaData(instance: WantedInstance) {
  const { metadata } = instance
  return {
    uuid: instance.id,
    name: metadata.name,
    hostname: metadata.hostname,
    availability_zone: metadata.zone,
    project_id: metadata.project_id,
    launch_index: 0,
    public_keys: Object.fromEntries(metadata.public_keys.map(key => [key.name, `${key.public_key.trim()}\n`])),
    keys: metadata.public_keys.map(key => ({ name: key.name, type: 'ssh', data: `${key.public_key.trim()}\n` })),
    meta: metadata.tags,
    devices: namedDisks(instance.disks).map(({ disk, name, bus }) => ({
      type: 'disk',
      bus,
      serial: disk.volume_id,
      path: `/dev/${name}`,
      tags: [disk.role],
    })),
    dedicated_cpus: [],
  }
}

function networkData(ports: readonly WantedPort[]) {
  const dns = [...new Set(ports.flatMap(port => port.dns))]
  return {
    links: ports.map((port, index) => ({
      id: `tap${index}`,
      vif_id: port.port_id,
      type: 'ovs',
      mtu: port.mtu,
      ethernet_mac_address: port.mac,
    })),
    networks: ports.flatMap((port, index) =>
      port.addresses.map(({ address, prefix_length, gateway }, n) => {
        const version = ipaddr.parse(address).kind()
        const everywhere = version === 'ipv4' ? '0.0.0.0' : '::'
        const routes = gateway === null ? [] : [{ network: everywhere, netmask: netmask(0, version), gateway }]
        return {
          id: `network${index}.${n}`,
          // DHCP stays the source of IPv4: an address changed later needs no new config drive.
          type: version === 'ipv4' ? 'ipv4_dhcp' : 'ipv6',
          link: `tap${index}`,
          network_id: port.network_id,
          ...(version === 'ipv4' ? {} : { ip_address: address, netmask: netmask(prefix_length, version), routes }),
        }
      }),
    ),
    services: dns.map(address => ({ type: 'dns', address })),
  }
}

function netmask(prefix_length: number, version: 'ipv4' | 'ipv6'): string {
  return version === 'ipv4'
    ? ipaddr.IPv4.subnetMaskFromPrefixLength(prefix_length).toString()
    : ipaddr.IPv6.subnetMaskFromPrefixLength(prefix_length).toString()
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 1)}\n`)
}
