/**
 * Stops what `croft up` started, the last first. Guests go on by themselves unless they are to be stopped: QEMU is
 * nobody's child, and the next `up` finds them. Where systemd runs, what the machine may use otherwise goes on, too.
 */
import type { Config } from '../config.ts'
import { instanceRoutes } from '../api/instance.ts'
import { stayDownAtBoot } from './boot.ts'
import { HostError } from './error.ts'
import { localAdmin } from './local-admin.ts'
import { hostServices, knownServices, serviceManager } from './manager.ts'
import type { ServiceStatus } from './service.ts'
import { ovnController } from './services/ovn-controller.ts'
import type { Step } from './step.ts'
import { stopServices } from './stop.ts'
import { until } from './until.ts'

export type DownOptions = { config: Config; guests: 'keep' | 'stop' }

const guests_within_ms = 120_000

/** Gives the names of the services that were stopped. */
export async function down({ config, guests }: DownOptions, step: Step): Promise<string[]> {
  if (process.geteuid?.() !== 0)
    throw new HostError('croft down stops services of the machine: root only', 'sudo ./croft down')
  const manager = serviceManager(config)
  const running = (await manager.status()).filter(({ state }) => state !== 'stopped')
  if (guests === 'stop')
    await step(
      'Guests',
      show => stopGuests(config, running, show),
      count => `${count} stopped`,
    )
  if (manager.kind === 'supervisor' && 'shutDown' in manager) {
    await stayDownAtBoot()
    await step(
      'Services',
      () => manager.shutDown(),
      () => `${running.length} stopped`,
    )
    return running.map(({ name }) => name)
  }
  const stopped = running.filter(({ name }) => !staysUnderSystemd(config, guests).has(name)).map(({ name }) => name)
  const last_first = knownServices(config).reverse()
  await stopServices(
    manager,
    last_first.filter(({ name }) => stopped.includes(name)),
    step,
  )
  return stopped
}

/**
 * Debian's units that are not Croft's alone: the machine's own network may run through Open vSwitch, and libvirt may have other
 * guests. Guests that are kept also keep their network, which is OVN's part on this host.
 */
export function staysUnderSystemd(config: Config, guests: DownOptions['guests']): ReadonlySet<string> {
  const shared = hostServices(config).map(({ service }) => service.name)
  return new Set(guests === 'keep' ? [...shared, ovnController().service.name] : shared)
}

/** Asks for every instance of this cloud to be stopped, and waits: its host must still be there to do it. */
async function stopGuests(
  config: Config,
  running: readonly ServiceStatus[],
  show: (detail: string) => void,
): Promise<number> {
  if (!running.some(({ name }) => name === 'croft-controller'))
    throw new HostError(
      'the controller does not run, so guests cannot be stopped through it',
      'croft up, then croft down --guests stop',
    )
  const admin = await localAdmin(config)
  if (admin.place.token === undefined) throw new HostError('there is no key on this machine to stop guests with')
  const { client } = admin
  const list = async () => {
    const all = await Array.fromAsync(client.pages(instanceRoutes.list, { all_projects: true, limit: 200 }))
    return all.filter(({ state, host_id }) => host_id !== null && !['stopped', 'error', 'deleted'].includes(state))
  }
  const alive = await list()
  for (const { id, moves } of alive)
    if (moves.includes('stop')) await client.call(instanceRoutes.stop, { params: { instance: id } })
  const stopped = async () => {
    const left = await list()
    show(`${left.length} still run`)
    return left.length === 0 ? true : undefined
  }
  const gone = await until(client, stopped, guests_within_ms)
  if (!gone) throw new HostError('some guests do not stop', 'See which: croft instance list; nothing else was stopped.')
  return alive.length
}
