/**
 * The agent as a program, one per host, as root:
 *   main.ts [run] --state DIR --run DIR --libvirt SOCKET --ovs-run DIR --network ovs|none …
 *   main.ts join --controller URL --token TOKEN [--state DIR] [--name NAME]
 * Puts the real drivers under createAgent; its log goes to stderr, one JSON a line. Ends well on SIGTERM; guests stay.
 */
import { chmod, mkdir } from 'node:fs/promises'
import { uptime } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { holdLock } from '../lib/lock.ts'
import { realClock } from '../lib/clock.ts'
import { type Agent, type AgentOptions, createAgent } from './agent.ts'
import { loadControllers } from './controllers.ts'
import { createControllerClient } from './drivers/controller-client.ts'
import { createConfigDrives } from './drivers/guest/config-drive.ts'
import { createMetadataService, type MetadataService } from './drivers/guest/metadata-service.ts'
import { hostSample } from './drivers/host-samples.ts'
import { hostEnds } from './drivers/host-power.ts'
import { createLibvirtHypervisor } from './drivers/libvirt/hypervisor.ts'
import { createMover } from './drivers/move/mover.ts'
import { chooseDatapath } from './drivers/ovs/datapath.ts'
import { OvsNetwork } from './drivers/ovs/network.ts'
import { createStateDirectory, replaceFile } from './drivers/state-directory.ts'
import { type PoolMark, poolMark } from './drivers/storage/pool-mark.ts'
import { createMachineState } from './drivers/storage/machine-state.ts'
import { openDirectoryPool } from './drivers/storage/directory.ts'
import { readHostCpus } from './facts/devices.ts'
import { chooseVirtualisation, factReader, libvirtArch, readBootId, readHostCpu } from './facts/host-facts.ts'
import { becomeHost } from './hardware-gate.ts'
import { type Identity, readIdentity } from './identity.ts'
import { machineId } from './machine-id.ts'
import type { FactSource, Log, Network } from './ports.ts'
import { datapathChoice, portOf, readSettings, type Settings } from './settings.ts'
import { createWatchdogClient } from './watchdog/client.ts'

export const agentVersion = '0.1.0'

async function main(): Promise<void> {
  const { settings, command } = readSettings()
  const log = pino(
    { level: settings['log-level'], serializers: { error: pino.stdSerializers.err } },
    pino.destination(2),
  )
  switch (command) {
    case 'join':
      return joinFromArguments(settings)
    case 'run':
      return run(settings, log)
    default:
      throw new Error(`there is no command "${command}": run, or join`)
  }
}

async function joinFromArguments(settings: Settings): Promise<void> {
  const { controller, token, name } = settings
  if (controller === undefined || token === undefined) throw new Error('join needs --controller URL and --token TOKEN')
  // Certificate tools are megabytes that a running agent has no use for.
  const { joinHost } = await import('./join.ts')
  const identity = await joinHost({
    controller_url: controller,
    token,
    state_dir: settings.state,
    ...(name === undefined ? {} : { name }),
  })
  process.stdout.write(`${JSON.stringify({ host_id: identity.host_id, name: identity.name })}\n`)
}

async function run(settings: Settings, log: Log): Promise<void> {
  const identity = await readIdentity(settings.state)
  if (identity === null) {
    throw new Error(
      `this host has not joined a controller (nothing in ${settings.state}): run "join" with a token first`,
    )
  }
  await mkdir(settings.run, { recursive: true, mode: 0o711 })
  // QEMU, which is not root on most hosts, has disks below it; an older Croft closed it.
  await chmod(settings.state, 0o711)
  const lock = await holdLock(join(settings.state, 'lock'))
  if (lock === undefined) throw new Error(`another agent works on ${settings.state} already`)
  const ovs_run = settings.network === 'none' ? null : settings['ovs-run']
  const machine = await becomeHost({ state_dir: settings.state, identity, ovs_run, clock: realClock, log })
  const parts = await assemble(settings, identity, log, machine)
  // Timers and waiting sockets alone must not decide whether the agent lives.
  const alive = setInterval(() => undefined, 2 ** 30)
  const stop = (signal: string) => {
    log.info({ signal }, 'the agent stops; guests stay as they are')
    clearInterval(alive)
    parts
      .stop()
      .catch(error => log.error({ error }, 'the agent did not stop well'))
      .finally(() => {
        lock.release()
        process.exit(0)
      })
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  log.info({ host_id: identity.host_id, virtualisation: parts.virtualisation }, 'the agent runs')
}

/** What this machine is, read anew each time. */
function hostFacts(of: {
  log: Log
  virtualisation: Awaited<ReturnType<typeof chooseVirtualisation>>
  mark: PoolMark
  storage: Awaited<ReturnType<typeof openDirectoryPool>>
  hypervisor: ReturnType<typeof createLibvirtHypervisor>
  network: Awaited<ReturnType<typeof openNetwork>>
  machine_id: string
}): FactSource {
  const warned = new Set<string>()
  const { storage, hypervisor, virtualisation, machine_id, mark } = of
  return factReader({
    agent_version: agentVersion,
    machine_id,
    virtualisation,
    pool_id: mark.id,
    poolSecret: () => mark.secret(),
    room: () => storage.room(),
    hypervisorVersions: () => hypervisor.versions(),
    cpuModels: () => hypervisor.cpuModels(),
    machineFeatures: () => hypervisor.machineFeatures(),
    hostCpu: () => hypervisor.hostCpu(),
    network: () => factsWithoutWarnings(of.network, warned, of.log),
  })
}

/** What of this host domains are made from, beside what is found out. */
function describeHost(settings: Settings, pool_dir: string) {
  return {
    arch: libvirtArch(),
    default_cpu_model: settings['cpu-model'],
    integration_bridge: 'br-int',
    log_directory: join(settings.state, 'console'),
    machine_directory: join(pool_dir, 'machine'),
  }
}

/** The real drivers and the agent over them. */
async function assemble(
  settings: Settings,
  identity: Identity,
  log: Log,
  machine: Pick<AgentOptions, 'hardware' | 'waits_for_word' | 'allNamed'>,
) {
  const pool_dir = settings.pool ?? join(settings.state, 'pool')
  const virtualisation = await chooseVirtualisation()
  const datapath = settings.network === 'none' ? 'system' : await chooseDatapath(datapathChoice(settings.datapath))
  const controllers = await loadControllers(settings.state, identity.link_urls, log)
  const client = createControllerClient(identity, controllers)
  await mkdir(pool_dir, { recursive: true, mode: 0o711 })
  const mark = await poolMark(pool_dir, settings.state)
  const { host_id } = identity
  const storage = await openDirectoryPool({ directory: pool_dir, source: client.images, log, host_id, mark })
  const host = { ...describeHost(settings, pool_dir), virtualisation, datapath }
  const hypervisor = createLibvirtHypervisor({
    path: settings.libvirt,
    log,
    host,
    dump_directory: settings['dump-dir'],
  })
  const guestData = createConfigDrives(join(pool_dir, 'config'))
  // The network driver hands listening sockets over as it makes them, which may be before the agent knows what is wanted.
  const late: { agent: Agent | null; metadata: MetadataService | null } = { agent: null, metadata: null }
  const waiting: Parameters<MetadataService['attach']>[] = []
  const network = await openNetwork(settings, identity, {
    serveMetadata(...given) {
      if (late.metadata === null) waiting.push(given)
      else late.metadata.attach(...given)
    },
    wake: () => late.agent?.wakeNetwork(),
  })
  const ready = () => mark.check()
  const { arch, machine_directory: directory } = host
  const libvirt_directory = settings['libvirt-dir']
  const machineState = createMachineState({ directory, libvirt_directory, host_id, arch, log, ready })
  const { arrivals } = storage
  const mover = createMover({
    path: settings.libvirt,
    host,
    arrivals,
    guestData,
    machineState,
    tls: { key: identity.key_pem, cert: identity.certificate_pem, ca: identity.ca_pem },
    cache_dir: join(settings.run, 'cache'),
    address: settings['tunnel-address'],
    port: portOf(settings['peer-port']),
    cpu: () => readHostCpu(),
    lost: id => late.agent?.wakeInstance(id),
    clock: realClock,
    log,
  })
  const machine_id = await machineId()
  const watchdog = createWatchdogClient({ run_dir: settings.run, clock: realClock, log })
  const agent = await createAgent({
    hypervisor,
    storage,
    guestData,
    machineState,
    network,
    mover,
    arrivals,
    state: createStateDirectory(settings.state, log),
    link: client,
    facts: hostFacts({ log, virtualisation, mark, storage, hypervisor, network, machine_id }),
    samples: {
      instances: () => hypervisor.samples(),
      host: () => hostSample(() => storage.room()),
      taken_ms: () => Math.round(uptime() * 1000),
    },
    watchdog,
    clock: realClock,
    random: { fraction: () => Math.random() },
    log,
    boot_id: await readBootId(),
    hostEnds,
    cpus: await readHostCpus('/sys'),
    ...machine,
  })
  late.agent = agent
  late.metadata = createMetadataService({ instances: agent.wanted.instances, clock: realClock, log })
  for (const given of waiting) late.metadata.attach(...given)
  return {
    virtualisation,
    async stop() {
      await agent.stop()
      network.close()
      client.close()
      machineState.close()
      watchdog.close()
      await hypervisor.close()
    },
  }
}

interface HostNetwork extends Network {
  facts(): Promise<NetworkFacts & { warnings?: readonly string[] }>
  close(): void
}

type NetworkFacts = { ovs_version: string; ovn_version: string; datapath: string; tunnel_address: string }

/** What will not work on this host goes to the log, each once: facts have no place for it. */
async function factsWithoutWarnings(network: HostNetwork, warned: Set<string>, log: Log): Promise<NetworkFacts> {
  const { warnings = [], ...facts } = await network.facts()
  for (const text of warnings) if (!warned.has(text)) log.warn({}, text)
  for (const text of warnings) warned.add(text)
  return facts
}

type Hooks = Pick<ConstructorParameters<typeof OvsNetwork>[0], 'serveMetadata' | 'wake'>

async function openNetwork(settings: Settings, identity: Identity, hooks: Hooks): Promise<HostNetwork> {
  const tunnel_address = settings['tunnel-address']
  if (settings.network === 'none') {
    // A host for guests without ports: trials and tests.
    const nothing = { ovs_version: '', ovn_version: '', datapath: 'none', tunnel_address }
    return { apply: () => Promise.resolve(), facts: () => Promise.resolve(nothing), close() {} }
  }
  const southbound_tls = {
    key: join(settings.state, 'key.pem'),
    cert: join(settings.state, 'certificate.pem'),
    ca: join(settings.state, 'ca.pem'),
  }
  await replaceFile(settings.state, 'key.pem', identity.key_pem)
  await replaceFile(settings.state, 'certificate.pem', identity.certificate_pem)
  await replaceFile(settings.state, 'ca.pem', identity.ca_pem)
  const nic = settings['tunnel-nic']
  return new OvsNetwork({
    run_dir: settings['ovs-run'],
    system_id: identity.host_id,
    system_id_file: '/etc/openvswitch/system-id.conf',
    hostname: identity.name,
    tunnel_address,
    ...(nic === undefined ? {} : { tunnel_nic: nic }),
    datapath: datapathChoice(settings.datapath),
    southbound_tls,
    ...hooks,
  })
}

main().catch(error => {
  process.stderr.write(`croft agent: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
