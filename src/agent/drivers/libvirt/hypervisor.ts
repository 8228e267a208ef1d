/**
 * The hypervisor port over libvirt's RPC: guests of QEMU, defined from what is wanted. Decides nothing. Domains without Croft's
 * metadata are seen and never written to: every call that changes something checks the mark first.
 */
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  defineFlag,
  type DomainEvent,
  type DomainRef,
  hasCode,
  isConnectionError,
  isNoDomain,
  isOperationInvalid,
  Libvirt,
  ReconnectingLibvirt,
  shutdownFlag,
  TimeoutError,
  undefineFlag,
} from '../../../lib/libvirt/index.ts'
import { Away, type Domain, Failure, type Hypervisor, type HypervisorEvent, type Log } from '../../ports.ts'
import { readLog } from './console-log.ts'
import { guestConsoles } from './consoles.ts'
import type { MachineFeature } from '../../../model/hardware.ts'
import type { HostCpu } from '../../../protocol/host-cpu.ts'
import type { InstanceSample } from '../../../protocol/samples.ts'
import { guestAgentCalls } from './guest-agent.ts'
import { askGuest } from './guest-questions.ts'
import { measureGuests } from './stats.ts'
import { dump_directory, newestDump } from './dumps.ts'
import { baselineOf, compareTo, hostCpuOf } from './host-cpu.ts'
import { explain } from './explain.ts'
import { asPossible, cpuModelsOf, machineFeaturesOf, versionsOf } from './abilities.ts'
import { consoleLogPath, type DomainHost, domainXml, metadataNamespace } from './domain-xml.ts'
import { growGuest } from './growth.ts'
import { pinGuest } from './pins.ts'
import { isLackOfHost } from './lacks.ts'
import { powerOf } from './power.ts'
import { clearUnborn } from './unborn.ts'

export interface LibvirtHypervisorOptions {
  /** libvirtd's socket. */
  readonly path: string
  readonly host: DomainHost
  readonly log: Log
  /** Where libvirt writes dumps that a watchdog asks for: auto_dump_path of qemu.conf. */
  readonly dump_directory?: string
}

export interface LibvirtHypervisor extends Hypervisor {
  versions(): Promise<{ libvirt: string; qemu: string }>
  /** That guests can have here. */
  cpuModels(): Promise<string[]>
  /** What their machines can have here: UEFI, secure boot, a TPM. */
  machineFeatures(): Promise<MachineFeature[]>
  /** The best that a guest can have here. */
  hostCpu(): Promise<HostCpu | null>
  /** What the guests that run use; those that libvirt is busy with are left out. */
  samples(): Promise<InstanceSample[]>
  close(): Promise<void>
}

/** Starting a large guest takes a while: memory to be allocated, devices to be opened. */
const start_timeout_ms = 120_000
/** What firmware and TPM remember is the instance's: machine-state.ts. */
const undefineFlags =
  undefineFlag.managed_save |
  undefineFlag.snapshots_metadata |
  undefineFlag.checkpoints_metadata |
  undefineFlag.keep_nvram
/** Marks asked for at one time when all domains are listed. */
const listAtOnce = 64

/**
 * Five connections: libvirtd serves five calls of a client at a time, and looking must not wait behind starting, nor anything
 * behind a guest that does not answer, or that somebody asks something, nor behind measuring. 'connected' is told when all are there, events flow, and no guest
 * is left that libvirt cannot end.
 */
export function createLibvirtHypervisor(options: LibvirtHypervisorOptions): LibvirtHypervisor {
  const { path, host, log } = options
  const looking = new ReconnectingLibvirt({
    path,
    events: ['lifecycle', 'reboot', 'io_error', 'watchdog', 'control_error', 'agent_lifecycle'],
  })
  const acting = new ReconnectingLibvirt({ path })
  const asking = new ReconnectingLibvirt({ path })
  const talking = new ReconnectingLibvirt({ path })
  const measuring = new ReconnectingLibvirt({ path })
  const listeners = new Set<(event: HypervisorEvent) => void>()
  /** Ids whose domain is known to carry the mark; the others are asked for each time. */
  const marked = new Set<string>()
  const tell = (event: HypervisorEvent) => {
    for (const listener of listeners) listener(event)
  }

  async function up(): Promise<void> {
    const allThere = () => [looking, acting, asking].every(each => each.current !== null)
    if (!allThere()) return
    marked.clear()
    try {
      const domains = await clearUnborn(join(dirname(path), 'qemu'))
      if (domains.length > 0) {
        log.warn({ domains }, 'libvirtd can never end these starts; their records are removed, and it is started anew')
        return
      }
    } catch (error) {
      log.error({ error }, 'libvirtd may have starts that it can never end: guests that stay paused, whatever is done')
    }
    if (allThere()) tell({ kind: 'connected' })
  }
  for (const each of [looking, acting, asking]) each.on('up', () => void up())
  looking.on('down', () => tell({ kind: 'lost' }))
  looking.on('event', event => changed(event))
  looking.start()
  acting.start()
  asking.start()
  talking.start()
  measuring.start()

  function changed(event: DomainEvent): void {
    if (event.kind === 'lifecycle' && (event.change === 'defined' || event.change === 'undefined')) {
      marked.delete(event.domain.uuid)
      // Our own definitions are no news; a foreign domain that comes or goes is.
    }
    if (event.kind === 'watchdog') tell({ kind: 'watchdog', id: event.domain.uuid })
    tell({ kind: event.kind === 'agent_lifecycle' ? 'guest' : 'changed', id: event.domain.uuid })
  }

  /** Runs a call, and turns what libvirt says into what the ports promise. */
  async function on<T>(
    connection: ReconnectingLibvirt,
    what: string,
    call: (libvirt: Libvirt) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(connection.get())
    } catch (error) {
      if (error instanceof Failure || error instanceof Away) throw error
      if (isConnectionError(error)) throw new Away('libvirtd does not answer', { cause: error })
      if (error instanceof TimeoutError) throw new Failure(`${what}: ${error.message}`, { passing: true, cause: error })
      throw new Failure(`${what}: ${explain(error)}`, { cause: error, elsewhere: isLackOfHost(error) })
    }
  }

  async function isOurs(libvirt: Libvirt, uuid: string): Promise<boolean> {
    if (marked.has(uuid)) return true
    try {
      const text = await libvirt.domains.metadata({ uuid }, 'element', metadataNamespace)
      if (!text.includes(uuid)) return false
      marked.add(uuid)
      return true
    } catch (error) {
      if (hasCode(error, 'no_domain_metadata')) return false
      throw error
    }
  }

  async function describe(libvirt: Libvirt, ref: DomainRef): Promise<Domain | null> {
    try {
      const [{ state, reason }, ours] = await Promise.all([libvirt.domains.state(ref), isOurs(libvirt, ref.uuid)])
      return { id: ref.uuid, name: ref.name, ours, ...powerOf(state, reason) }
    } catch (error) {
      if (isNoDomain(error)) return null
      throw error
    }
  }

  /** Throws Failure when the domain is not Croft's; answers false when there is none. */
  async function mayTouch(libvirt: Libvirt, id: string): Promise<boolean> {
    try {
      if (await isOurs(libvirt, id)) return true
    } catch (error) {
      if (isNoDomain(error)) return false
      throw error
    }
    throw new Failure('A domain with this instance’s id is on the host, but Croft did not make it and leaves it alone.')
  }

  return {
    list: () =>
      on(looking, 'listing the domains', async libvirt => {
        const refs = await libvirt.domains.list()
        const found: Domain[] = []
        for (let n = 0; n < refs.length; n += listAtOnce) {
          const part = await Promise.all(refs.slice(n, n + listAtOnce).map(ref => describe(libvirt, ref)))
          found.push(...part.filter(each => each !== null))
        }
        return found
      }),

    look: id =>
      on(looking, 'looking at the guest', async libvirt => {
        try {
          return await describe(libvirt, await libvirt.domains.lookupByUuid(id))
        } catch (error) {
          if (isNoDomain(error)) return null
          throw error
        }
      }),

    async define(spec) {
      const { id } = spec.instance
      await mkdir(host.log_directory, { recursive: true, mode: 0o700 })
      await on(acting, 'defining the guest', async libvirt => {
        await mayTouch(libvirt, id)
        const xml = domainXml({ ...spec, instance: await asPossible(libvirt, spec.instance, host) }, host)
        await libvirt.domains.define(xml, defineFlag.validate)
        marked.add(id)
      })
    },

    start: id =>
      on(acting, 'starting the guest', async libvirt => {
        await mayTouch(libvirt, id)
        try {
          await libvirt.domains.start({ uuid: id }, 0, { timeout_ms: start_timeout_ms })
        } catch (error) {
          // Runs already: a start whose answer was lost.
          if (!isOperationInvalid(error)) throw error
          const { state } = await libvirt.domains.state({ uuid: id })
          if (powerOf(state, 'unknown').power === 'off') throw error
        }
      }),

    askShutdown: id =>
      on(acting, 'asking the guest to shut down', async libvirt => {
        if (!(await mayTouch(libvirt, id))) return
        try {
          await libvirt.domains.shutdown({ uuid: id }, shutdownFlag.acpi)
        } catch (error) {
          if (!isOperationInvalid(error) && !isNoDomain(error)) throw error
        }
      }),

    cut: id =>
      on(acting, 'cutting the guest off', async libvirt => {
        if (!(await mayTouch(libvirt, id))) return
        try {
          await libvirt.domains.destroy({ uuid: id })
        } catch (error) {
          if (!isOperationInvalid(error) && !isNoDomain(error)) throw error
        }
      }),

    resume: id =>
      on(acting, 'resuming the guest', async libvirt => {
        if (await mayTouch(libvirt, id)) await libvirt.domains.resume({ uuid: id })
      }),

    undefine: id =>
      on(acting, 'undefining the guest', async libvirt => {
        if (!(await mayTouch(libvirt, id))) return
        try {
          await libvirt.domains.undefine({ uuid: id }, undefineFlags)
        } catch (error) {
          if (!isNoDomain(error)) throw error
        }
        marked.delete(id)
      }),

    async forget(id) {
      const log_path = consoleLogPath(host.log_directory, id)
      const backups = Array.from({ length: 10 }, (_, n) => `${log_path}.${n}`)
      for (const each of [log_path, ...backups]) await rm(each, { force: true })
    },

    dumpOf: (id, since_ms) =>
      on(looking, 'looking for the dump', async libvirt => {
        const domain = await libvirt.domains.lookupByUuid(id)
        return newestDump(options.dump_directory ?? dump_directory, domain, since_ms)
      }),

    subscribe: listener => void listeners.add(listener),

    ...guestConsoles({ path, log, mayTouch, look: (what, call) => on(looking, what, call) }),

    async readConsoleLog(id, tail_bytes, follow) {
      await mkdir(host.log_directory, { recursive: true, mode: 0o700 })
      return await readLog(consoleLogPath(host.log_directory, id), tail_bytes, follow)
    },

    ...guestAgentCalls((what, call) => on(asking, what, call), mayTouch),

    askGuest: askGuest((what, call) => on(talking, what, call), mayTouch),

    samples: () => on(measuring, 'measuring the guests', measureGuests),

    versions: () => on(looking, 'asking for versions', versionsOf),

    hostCpu: () => on(looking, 'asking for the CPU', libvirt => hostCpuOf(libvirt, host)),

    cpuBaseline: cpus => on(looking, 'comparing CPUs', libvirt => baselineOf(libvirt, host, cpus)),
    cpuCompare: cpu => on(looking, 'comparing CPUs', libvirt => compareTo(libvirt, host, cpu)),

    cpuModels: () => on(looking, 'asking for CPU models', libvirt => cpuModelsOf(libvirt, host)),
    machineFeatures: () => on(looking, 'asking for firmware', libvirt => machineFeaturesOf(libvirt, host)),

    grow: instance =>
      on(acting, 'giving the guest more', async libvirt => {
        if (await mayTouch(libvirt, instance.id)) await growGuest(libvirt, instance, log)
      }),

    confine: (instance, shared) =>
      on(acting, 'moving the guest to other CPUs', async libvirt => {
        if (await mayTouch(libvirt, instance.id)) await pinGuest(libvirt, instance, shared)
      }),

    async close() {
      await Promise.all([looking, acting, asking, talking, measuring].map(each => each.close()))
    },
  }
}
