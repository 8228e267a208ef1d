/**
 * Services under systemd: Debian's own units where a service has one, units of ours written for the rest.
 * Not its job: machines without systemd (supervisor.ts).
 */
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { unlessCrashing } from './crashes.ts'
import { HostError } from './error.ts'
import { plainLog } from './log-file.ts'
import { lastLines, run, runOk } from '../lib/process.ts'
import { untilReady } from './ready.ts'
import type { Service, ServiceManager, ServiceState, ServiceStatus } from './service.ts'

const unit_dir = '/etc/systemd/system'

/** What a unit of ours may do beyond running its program; see systemd.exec(5). */
export type Confinement = {
  /** Folders it may write to, when the rest of the file system is to be read-only for it. */
  writes?: readonly string[]
  /** Where sockets are kept. Below /run it is gone after each boot, so systemd is to make it. */
  run_dir?: string
}

/** A word of an ExecStart or Environment line (systemd.syntax(7)): quoted, with % and $ taken literally. */
export function quoteWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('\n', '\\n')
  return `"${escaped}"`
}

const argument = (word: string) => quoteWord(word).replaceAll('$', '$$$$')

/** The text of a unit (systemd.service(5)). Pure. */
export function unitText(service: Service, confinement: Confinement = {}): string {
  const { restart } = service
  const sections = {
    Unit: [
      ['Description', service.description],
      ['After', ['network.target', ...(service.after ?? [])].join(' ')],
      // Never gives up: a database that is away for an hour comes back, too.
      ['StartLimitIntervalSec', '0'],
    ],
    Service: [
      ['Type', 'exec'],
      ['ExecStart', service.argv.map(argument).join(' ')],
      ...Object.entries(service.env).map(([name, value]) => ['Environment', quoteWord(`${name}=${value}`)]),
      ['WorkingDirectory', service.cwd],
      ['KillSignal', service.stop_signal],
      ['TimeoutStopSec', `${service.stop_timeout_ms}ms`],
      ['KillMode', service.keeps_children ? 'process' : 'mixed'],
      ['Restart', 'always'],
      ['RestartSec', `${restart.first_ms}ms`],
      // Wrong configuration (EX_CONFIG of sysexits.h) does not mend itself.
      ['RestartPreventExitStatus', '78'],
      ['LimitNOFILE', '65536'],
      // The name in the journal, where argv[0] would be "node".
      ['SyslogIdentifier', service.name],
      ...runtimeFolder(confinement),
      ...hardening(confinement),
    ],
    Install: [['WantedBy', 'multi-user.target']],
  }
  const text = Object.entries(sections).map(
    ([name, lines]) => `[${name}]\n${lines.map(([key, value]) => `${key}=${value}\n`).join('')}`,
  )
  return `# Written by croft up; changes are lost. Add your own with: systemctl edit croft-…\n\n${text.join('\n')}`
}

/** Made open enough to be passed through, by whichever of our units starts first, and left when one of them stops. */
function runtimeFolder({ run_dir }: Confinement): string[][] {
  const name = /^\/run\/([A-Za-z0-9._-]+)$/.exec(run_dir ?? '')?.[1]
  if (name === undefined) return []
  return [
    ['RuntimeDirectory', name],
    ['RuntimeDirectoryMode', '0711'],
    ['RuntimeDirectoryPreserve', 'yes'],
  ]
}

function hardening({ writes }: Confinement): string[][] {
  if (!writes) return []
  return [
    ['NoNewPrivileges', 'yes'],
    ['ProtectSystem', 'strict'],
    ['ProtectHome', 'read-only'],
    ['PrivateTmp', 'yes'],
    ['ProtectKernelTunables', 'yes'],
    ['ProtectKernelModules', 'yes'],
    ['ProtectControlGroups', 'yes'],
    ['RestrictSUIDSGID', 'yes'],
    ['LockPersonality', 'yes'],
    ['RestrictAddressFamilies', 'AF_UNIX AF_INET AF_INET6'],
    // "-": one that is not there yet must not keep the unit from starting.
    ['ReadWritePaths', writes.map(folder => quoteWord(`-${folder}`)).join(' ')],
    ['UMask', '0027'],
  ]
}

const unitOf = (service: Pick<Service, 'name' | 'debian_unit'>) => service.debian_unit ?? `${service.name}.service`

/** true if the file was changed. */
async function writeUnit(name: string, text: string): Promise<boolean> {
  const file = path.join(unit_dir, name)
  if (existsSync(file) && (await readFile(file, 'utf8')) === text) return false
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
  return true
}

const states: Record<string, ServiceState> = {
  active: 'running',
  reloading: 'running',
  activating: 'starting',
  deactivating: 'stopping',
}

async function show(service: Pick<Service, 'name' | 'description' | 'debian_unit'>): Promise<ServiceStatus> {
  const unit = unitOf(service)
  const properties = ['ActiveState', 'SubState', 'MainPID', 'NRestarts', 'Result'].flatMap(name => ['-p', name])
  const text = await runOk(['systemctl', 'show', unit, ...properties])
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? ''
  const result = value('Result')
  return {
    name: service.name,
    description: service.description,
    state: value('SubState') === 'auto-restart' ? 'waiting' : (states[value('ActiveState')] ?? 'stopped'),
    pid: Number(value('MainPID')) || null,
    restarts: Number(value('NRestarts')) || 0,
    last_end: result === 'success' || result === '' ? null : `failed (${result})`,
    log_file: `journalctl -u ${unit}`,
  }
}

async function readyUnlessCrashing(service: Service): Promise<void> {
  const late = AbortSignal.timeout(service.ready_timeout_ms)
  await unlessCrashing(
    signal => untilReady(service.ready, AbortSignal.any([signal, late])),
    () => show(service),
  )
}

async function said(unit: string): Promise<string> {
  const journal = await run(['journalctl', '--no-pager', '--output=cat', '-n', '20', '-u', unit])
  return lastLines(plainLog(journal.stdout), 16)
}

/**
 * `confine` says which services get the hardened form. `known` are the services that status() and stop() are about: systemd
 * itself does not tell ours from others'.
 */
export function systemdManager(options: {
  known: readonly Pick<Service, 'name' | 'description' | 'debian_unit'>[]
  confine: (service: Service) => Confinement
}): ServiceManager {
  const known = new Map(options.known.map(service => [service.name, service]))
  const find = (name: string) => known.get(name) ?? { name, description: '' }
  const start = async (service: Service) => {
    known.set(service.name, service)
    const unit = unitOf(service)
    let changed = false
    if (service.debian_unit === undefined) {
      changed = await writeUnit(unit, unitText(service, options.confine(service)))
      if (changed) await runOk(['systemctl', 'daemon-reload'])
    }
    await runOk(['systemctl', 'enable', '--quiet', unit])
    // restart also starts what does not run.
    const begun = await run(['systemctl', changed ? 'restart' : 'start', unit])
    const ready =
      begun.code === 0
        ? await readyUnlessCrashing(service).catch((error: unknown) => error)
        : new Error(lastLines(begun.stderr, 3))
    if (!(ready instanceof Error)) return await show(service)
    throw new HostError(
      `${service.name} does not start: ${ready.message}; it said:\n${await said(unit)}`,
      `All that it said: journalctl -u ${unit}`,
      { cause: ready },
    )
  }
  return {
    kind: 'systemd',
    start,
    async stop(name) {
      const unit = unitOf(find(name))
      // Debian's units are enabled by their packages and stay so; ours come back only when asked for.
      const ours = find(name).debian_unit === undefined
      if (ours && !existsSync(path.join(unit_dir, unit))) return
      await runOk(ours ? ['systemctl', 'disable', '--now', '--quiet', unit] : ['systemctl', 'stop', unit])
    },
    async restart(name) {
      await runOk(['systemctl', 'restart', unitOf(find(name))])
      return await show(find(name))
    },
    status: () => Promise.all([...known.values()].map(show)),
    said: name => said(unitOf(find(name))),
  }
}
