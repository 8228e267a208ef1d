/**
 * libvirt on a test host, for tests that need it without the rest of the product: configured for namespaces without
 * systemd, cgroups and security drivers.
 */
import type { Host } from './host.ts'

/** Debian's libvirt-daemon-system makes this user; libvirtd insists on it, whichever one qemu.conf names. */
const user = 'libvirt-qemu'

const qemu_conf = `
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
`

/** Hosts of one machine share its DMI identity, if it has any: without its own, each libvirtd takes the others for itself. */
const libvirtd_conf = (uuid: string) => `
host_uuid = "${uuid}"
auth_unix_rw = "none"
listen_tls = 0
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
`

/** virtlogd and libvirtd; up, with its socket, when this returns. */
export async function startLibvirt(host: Host): Promise<void> {
  if ((await host.exec(['getent', 'passwd', user])).code !== 0)
    await host.must(['useradd', '--system', '--no-create-home', '--user-group', '--shell=/usr/sbin/nologin', user])
  const id = (await host.must(['cat', '/etc/machine-id'])).trim()
  const uuid = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  await host.must(['tee', '/etc/libvirt/qemu.conf'], { input: qemu_conf })
  await host.must(['tee', '/etc/libvirt/libvirtd.conf'], { input: libvirtd_conf(uuid) })
  await host.must(['virtlogd', '--daemon'])
  await host.must(['libvirtd', '--daemon'])
}
