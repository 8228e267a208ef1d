/** Two hosts of the lab with one cloud over both, a first guest that has booted, and what moves it; with Croft, and without. */
import { setTimeout as delay } from 'node:timers/promises'
import { hostRoutes } from '../../src/api/host.ts'
import { type Instance, instanceRoutes } from '../../src/api/instance.ts'
import { instanceMoveRoutes, type Migration, migrationRoutes } from '../../src/api/migration.ts'
import { createBed, type Host } from '../../test/lab/bed/bed.ts'
import { Cloud } from '../../test/lab/bed/cloud.ts'
import { imageCache } from '../../test/lab/bed/image-cache.ts'
import { must } from '../../test/lab/bed/run.ts'
import { purge } from './host.ts'

export interface TwoLabHosts extends AsyncDisposable {
  readonly hosts: readonly [Host, Host]
  readonly cloud: Cloud
  /** Of the cloud that is on the first of them. */
  readonly guest: Instance
  /** Resolves when it is decided, as `croft instance migrate --wait` does. */
  migrate(to: Host): Promise<Migration>
  /** Resolves when nothing of it is left on the other host. */
  ended(migration: Migration): Promise<Migration>
}

/** `user_data`: of a guest that is made in the first one's place. */
export async function startTwoLabHosts(user_data?: string): Promise<TwoLabHosts> {
  await imageCache()
  await using undo = new AsyncDisposableStack()
  const bed = undo.use(await createBed())
  const alpha = await bed.addHost('alpha')
  const beta = await bed.addHost('beta')
  const cloud = new Cloud(alpha)
  // No tunnel NIC: moves would cross Open vSwitch in user space, which loses a quarter of a busy connection's packets, where hosts have it in the kernel.
  const between = (host: Host) => ['--cluster-address', host.ip]
  await cloud.must('up', ...between(alpha))
  const client = await cloud.client()
  const { command } = await client.call(hostRoutes.invite, { body: {} })
  await new Cloud(beta).must(...command.split(' ').slice(1), ...between(beta))
  const { items } = await client.call(hostRoutes.list, {})
  const idOf = (host: Host) => items.find(each => each.name === host.name)?.id ?? ''
  await cloud.untilHost(idOf(beta), 'up')
  const first = await cloud.instance('hello')
  const guest = user_data === undefined ? first : await another(cloud, first, user_data)
  await cloud.logged(guest.id, /TINY READY /)
  const all = undo.move()
  async function until({ id }: Migration, fits: (now: Migration) => boolean): Promise<Migration> {
    const now = Promise.withResolvers<Migration>()
    const look = async () => {
      const seen = await client.call(migrationRoutes.get, { params: { migration: id } })
      if (fits(seen)) now.resolve(seen)
      return fits(seen)
    }
    await cloud.untilTrue(id, look, 'migration that has got so far')
    return now.promise
  }
  return {
    hosts: [alpha, beta],
    cloud,
    guest,
    async migrate(to) {
      const asked = { params: { instance: guest.id }, body: { host_id: idOf(to) } }
      const { migration } = await client.call(instanceMoveRoutes.migrate, asked)
      return until(migration, now => now.outcome !== null)
    },
    ended: migration => until(migration, now => now.phase === 'ended'),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Of the same image, on the same host; the first is purged. */
async function another(cloud: Cloud, first: Instance, user_data: string): Promise<Instance> {
  const { id, flavor_id, image_id, host_id } = first
  if (image_id === null || host_id === null) throw new Error('the first guest has no image, or no host')
  await purge(cloud, id)
  const client = await cloud.client()
  const body = { name: 'another', flavor_id, image_id, host_id, user_data: btoa(user_data) }
  await client.call(instanceRoutes.create, { body })
  const { id: another_id } = await cloud.instance(body.name)
  return cloud.untilState(another_id, 'running')
}

/** What virsh says of a host's libvirtd, asked from outside: it alone reaches those of both hosts. */
const uriOf = ({ pid }: Host) => `qemu+unix:///system?socket=/proc/${pid}/root/run/libvirt/libvirt-sock`

/** Both cores may have something else to do. */
const moved_within_ms = 240_000

/** `virsh migrate` of a transient domain with its first disk, which is there already, blank. */
export async function virshMigrate(name: string, from: Host, to: Host): Promise<void> {
  const disks = ['--copy-storage-inc', '--migrate-disks', 'vda', '--migrateuri', `tcp://${to.ip}`]
  const env = { HOME: from.dir }
  const argv = ['virsh', '-c', uriOf(from), 'migrate', '--live', ...disks, name, uriOf(to)]
  await must(argv, { env, timeout_ms: moved_within_ms })
}

/** What libvirt says of the move of a domain that has come to this host. */
export async function jobOf(name: string, host: Host): Promise<{ downtime_ms: number; sent_mib: number }> {
  const said = await host.must(['virsh', 'domjobinfo', '--completed', '--rawstats', name])
  const value = (field: string) => Number(new RegExp(`${field}: *(\\d+)`).exec(said)?.[1] ?? Number.NaN)
  return { downtime_ms: value('downtime'), sent_mib: Math.round(value('data_processed') / 2 ** 20) }
}

/** Nothing is measured of a guest that is still at something, as after it has come. */
export const settle = () => delay(1000)
