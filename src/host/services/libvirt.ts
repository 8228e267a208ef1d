/**
 * libvirt on a host: libvirtd; virtlogd, which keeps guests' console logs while libvirtd restarts; and virtlockd.
 *
 * With systemd both are Debian's own, as shipped (user libvirt-qemu, AppArmor, cgroups). Without it, guests run without
 * cgroups and security drivers, which want a whole system around them; and where KVM does not work, libvirtd is kept
 * from seeing /dev/kvm, or its first look at QEMU takes more than a minute. What it sees there instead must not be writable: a QEMU that
 * says that it has no KVM, where libvirt thinks it could have, is looked at anew whenever anything is asked of it (libvirt's
 * qemu_capabilities.c, virQEMUCapsIsValid), for seconds each time, and no guest comes to its start.
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { kvmVerdict } from '../kvm.ts'
import { isErrno, plain_env, run, runOk } from '../../lib/process.ts'
import { type Service, service } from '../service.ts'
import type { Definition } from './definition.ts'
import { nodeArgv } from './node.ts'
import { canLock, lock_manager, lockd_conf, lockdConf, lockUnderSystemd, virtlockd } from './virtlockd.ts'

export const libvirt_socket = '/run/libvirt/libvirt-sock'
const qemu_conf = '/etc/libvirt/qemu.conf'

/** libvirtd.conf: only root talks to it, over its socket; what it says goes to the service's log. */
const libvirtd_conf = [
  'listen_tls = 0',
  'listen_tcp = 0',
  'auth_unix_rw = "none"',
  'unix_sock_rw_perms = "0700"',
  // Machines copied from one another share their BIOS's identity, but not this.
  'host_uuid_source = "machine-id"',
  'log_outputs = "3:stderr"',
  'max_client_requests = 32',
  '',
].join('\n')

const qemu_conf_without_systemd = [
  'user = "root"',
  'group = "root"',
  'dynamic_ownership = 0',
  'remember_owner = 0',
  'security_driver = "none"',
  'namespaces = []',
  'cgroup_controllers = []',
  'stdio_handler = "logd"',
  '',
].join('\n')

/** `pool_dir`: where disks are, and the locks on them. */
export function libvirt(options: {
  config_dir: string
  pool_dir: string
  systemd: boolean
  kvm?: boolean
}): Definition[] {
  const { config_dir, pool_dir, systemd } = options
  const locks = canLock()
  const own_conf = path.join(config_dir, 'libvirtd.conf')
  const own_qemu_conf = path.join(config_dir, 'qemu.conf')
  const own_lockd_conf = path.join(config_dir, 'qemu-lockd.conf')
  const no_kvm = path.join(config_dir, 'no-kvm')
  const hide_kvm = !(options.kvm ?? kvmVerdict().usable) && existsSync('/dev/kvm')
  return [
    {
      service: service({
        name: 'croft-virtlogd',
        description: "keeps guests' console logs",
        argv: ['virtlogd'],
        env: { ...plain_env },
        ready: { kind: 'socket', path: '/run/libvirt/virtlogd-sock' },
        debian_unit: 'virtlogd.service',
      }),
      prepare: async () => void (await mkdir('/run/libvirt', { recursive: true })),
    },
    ...(locks ? [virtlockd()] : []),
    {
      service: libvirtd({
        own_conf,
        over: [
          [own_qemu_conf, qemu_conf],
          [own_lockd_conf, lockd_conf],
        ],
        for_reading: hide_kvm ? [[no_kvm, '/dev/kvm']] : [],
      }),
      async prepare() {
        if (systemd) return locks ? await lockUnderSystemd(pool_dir, qemu_conf) : undefined
        await ensureMachineId()
        await ensureUser()
        await mkdir(config_dir, { recursive: true })
        await writeFile(own_conf, libvirtd_conf)
        await writeFile(own_qemu_conf, qemu_conf_without_systemd + (locks ? `${lock_manager}\n` : ''))
        await writeFile(own_lockd_conf, lockdConf(pool_dir))
        if (hide_kvm) await writeFile(no_kvm, '')
        // A place to put ours over: the packages without systemd make none, nor its folder.
        await mkdir(path.dirname(qemu_conf), { recursive: true })
        for (const file of [qemu_conf, lockd_conf]) {
          if (!existsSync(file)) await writeFile(file, '# Without settings.\n')
        }
      },
    },
  ]
}

/** What systemd makes at the first boot: containers, and systems without it, may have none, or an empty file (machine-id(5)). */
async function ensureMachineId(): Promise<void> {
  const file = '/etc/machine-id'
  const found = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  })
  if (found.trim() === '') await writeFile(file, `${randomUUID().replaceAll('-', '')}\n`, { mode: 0o444 })
}

/**
 * The user that Debian builds libvirt to run guests as. libvirt looks its name up even when qemu.conf says otherwise; the
 * package that makes it, libvirt-daemon-system, brings systemd along and so is not here.
 */
async function ensureUser(): Promise<void> {
  const name = 'libvirt-qemu'
  if ((await run(['getent', 'passwd', name])).code === 0) return
  const home = '--home-dir=/var/lib/libvirt'
  await runOk(['useradd', '--system', '--user-group', '--no-create-home', home, '--shell=/usr/sbin/nologin', name])
}

/** `over`: files of ours that it sees in place of those; `for_reading`: and can only read. */
type Pairs = readonly (readonly [string, string])[]
type Parts = { own_conf: string; over: Pairs; for_reading: Pairs }

function libvirtd({ own_conf, over, for_reading }: Parts): Service {
  const optionsFor = (option: string, pairs: Pairs) => pairs.flatMap(pair => [option, pair.join(':')])
  const options = [...optionsFor('--over', over), ...optionsFor('--over-for-reading', for_reading)]
  const mounts = nodeArgv('few', 'src/host/private-mounts.ts', ...options)
  const program = ['/usr/sbin/libvirtd', '--config', own_conf]
  return service({
    name: 'croft-libvirtd',
    description: 'runs guests',
    argv: ['unshare', '--mount', '--propagation', 'slave', '--', ...mounts, '--', ...program],
    env: { ...plain_env },
    ready: { kind: 'socket', path: libvirt_socket },
    keeps_children: true,
    debian_unit: 'libvirtd.service',
  })
}
