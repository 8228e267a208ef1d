/**
 * Has Croft started at a boot where systemd does not run: by OpenRC or sysvinit where one of them is there, else by cron.
 * Not its job: starting (start.ts); systemd's units, which start by themselves once enabled (systemd.ts).
 */
import { existsSync } from 'node:fs'
import { chmod, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../config.ts'
import { runOk } from '../lib/process.ts'
import { systemdRuns } from './packages.ts'
import { root } from './services/node.ts'

export type BootWay = {
  kind: 'openrc' | 'sysvinit' | 'cron'
  file: string
  /** Text of the file. */
  text: (start: BootStart) => string
  mode: number
  /** Programs that tell the init system of the file, and that make it forget it. */
  add: readonly string[] | undefined
  remove: readonly string[] | undefined
}

export type BootStart = {
  /** For a shell: what is to be run as root at each boot; it ends by itself. */
  command: string
  log_file: string
  pid_file: string
}

const head = 'Written by croft up and croft host join, removed by croft down; changes are lost.'
const search = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The supervisor stops all services on SIGTERM, PostgreSQL and the agent in good order, and takes its file away at its end. */
const stopping = ({ pid_file }: BootStart) => `  if [ -e ${quote(pid_file)} ]; then
    kill -TERM "$(cat ${quote(pid_file)})" || return 0
    left=90
    while [ -e ${quote(pid_file)} ] && [ "$left" -gt 0 ]; do
      sleep 1
      left=$((left - 1))
    done
  fi`

/** In the background: a boot must not wait for a database that is elsewhere. */
const starting = ({ command, log_file }: BootStart) => `  setsid ${command} >>${quote(log_file)} 2>&1 </dev/null &`

/** OpenRC's service script (openrc-run(8)). */
const openrc: BootWay = {
  kind: 'openrc',
  file: '/etc/init.d/croft',
  mode: 0o755,
  add: ['rc-update', 'add', 'croft', 'default'],
  remove: ['rc-update', 'del', 'croft', 'default'],
  text: start => `#!/sbin/openrc-run
# ${head}
description="Croft: what this machine is to its cloud"

depend() {
  need localmount
  use net
}

start() {
  ebegin "Starting Croft"
${starting(start)}
  eend 0
}

stop() {
  ebegin "Stopping Croft"
${stopping(start)}
  eend 0
}
`,
}

/** An init script of the Linux Standard Base, chapter "System Initialization". */
const sysvinit: BootWay = {
  kind: 'sysvinit',
  file: '/etc/init.d/croft',
  mode: 0o755,
  add: ['update-rc.d', 'croft', 'defaults'],
  remove: ['update-rc.d', 'croft', 'remove'],
  text: start => `#!/bin/sh
### BEGIN INIT INFO
# Provides:          croft
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Croft: what this machine is to its cloud
### END INIT INFO
# ${head}
${search}
export PATH

start() {
${starting(start)}
}

stop() {
${stopping(start)}
}

case "$1" in
  start) start ;;
  stop) stop ;;
  restart | force-reload)
    stop
    start
    ;;
  *)
    echo "usage: $0 start|stop|restart|force-reload" >&2
    exit 2
    ;;
esac
`,
}

/** A line of crontab(5), where % would end the line. */
const cron: BootWay = {
  kind: 'cron',
  file: '/etc/cron.d/croft',
  mode: 0o644,
  add: undefined,
  remove: undefined,
  text: ({ command, log_file }) =>
    `# ${head}\n${search}\n@reboot root ${`${command} >>${quote(log_file)} 2>&1`.replaceAll('%', '\\%')}\n`,
}

const somewhere = (has: (file: string) => boolean, program: string) =>
  ['/usr/sbin', '/sbin', '/usr/bin', '/bin'].some(folder => has(path.join(folder, program)))

/** What starts things at a boot of this machine; undefined if nothing does that Croft knows. `has` tells which files are there. */
export function bootWay(has: (file: string) => boolean = existsSync): BootWay | undefined {
  if (somewhere(has, 'openrc-run') && somewhere(has, 'rc-update')) return openrc
  // A script in /etc/init.d proves nothing, since packages bring them everywhere; what runs them does.
  if ((has('/etc/init.d/rc') || has('/etc/inittab')) && somewhere(has, 'update-rc.d')) return sysvinit
  if (has('/etc/cron.d') && (somewhere(has, 'cron') || somewhere(has, 'crond'))) return cron
  return undefined
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

type Places = Pick<Config, 'state_dir' | 'config_file' | 'log_dir' | 'run_dir'>

/** What is to run at a boot of this machine. */
export function bootStart({ state_dir, config_file, log_dir, run_dir }: Places): BootStart {
  const own_state = state_dir === '/var/lib/croft' ? [] : ['--state', state_dir]
  const own_config = existsSync(config_file) ? ['--config', config_file] : []
  return {
    command: [path.join(root, 'croft'), 'start', '--keep-trying', ...own_state, ...own_config].map(quote).join(' '),
    log_file: path.join(log_dir, 'start.log'),
    pid_file: path.join(run_dir, 'supervisor.pid'),
  }
}

/** Has this machine start at its boots what it is now; gives how, in words for people. Idempotent. */
export async function startAtBoot(config: Places): Promise<string> {
  if (systemdRuns()) return 'by systemd'
  const start = bootStart(config)
  const way = bootWay()
  if (!way) return `nothing here starts programs at a boot; have root run then: ${start.command}`
  await writeFile(way.file, way.text(start), { mode: way.mode })
  await chmod(way.file, way.mode)
  if (way.add) await runOk(way.add)
  return `by ${way.file}`
}

/** The opposite: after the next boot this machine stays down. */
export async function stayDownAtBoot(): Promise<void> {
  const way = bootWay()
  if (systemdRuns() || !way || !existsSync(way.file)) return
  await rm(way.file)
  if (way.remove) await runOk(way.remove)
}

/** Whether this machine is to be up after a boot; yes where Croft does not know how that is arranged. */
export function isStartedAtBoot(): boolean {
  const way = bootWay()
  return systemdRuns() || way === undefined || existsSync(way.file)
}
