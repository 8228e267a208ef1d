/**
 * Commands in a guest through its agent (guest-exec): started as they are, never read by a shell, their outputs bounded where the guest has
 * what that takes (guest-bounded.ts), and asked after until they have ended. The agent tells nobody that one has, so it is asked again,
 * ever more seldom. Not its job: who may, and how many at a time.
 */
import { randomUUID } from 'node:crypto'
import { type GuestAnswer, type GuestCommand, guestBounds, packageManagers } from '../../../protocol/guest.ts'
import { boundedCommand, cannotBound, plainCommand } from './guest-bounded.ts'
import { plainText } from './guest-details.ts'
import { GuestSilence, type Talk } from './guest-talk.ts'

export interface Time {
  /** Never steps. */
  now_ms(): number
  /** Rejects when the signal aborts. */
  sleep(delay_ms: number): Promise<void>
}

const first_ms = 20
const longest_ms = 500

/** Its outputs and how it ended, or why that is not known. Throws GuestSilence when nothing was begun. */
export async function runInGuest(talk: Talk, asked: GuestCommand, time: Time): Promise<GuestAnswer> {
  const end_ms = time.now_ms() + asked.timeout_ms
  const word = randomUUID()
  const bounded = boundedCommand(asked, word)
  try {
    const answer = bounded && (await begun(talk, bounded, end_ms, time))
    if (answer && !cannotBound(answer, word)) return answer
  } catch (error) {
    // There is no such shell: Windows.
    if (!(error instanceof GuestSilence) || error.why !== 'not_started') throw error
  }
  // Also what is not there at all: the agent's own words for that say more than a shell's.
  return await begun(talk, plainCommand(asked), end_ms, time)
}

async function begun(talk: Talk, command: object, end_ms: number, time: Time): Promise<GuestAnswer> {
  const pid = pidOf(await talk('guest-exec', command))
  let silent = false
  for (let wait_ms = first_ms; ; wait_ms = Math.min(2 * wait_ms, longest_ms)) {
    try {
      const { exited, ...rest } = statusOf(await talk('guest-exec-status', { pid }))
      silent = false
      if (exited) return { outcome: 'ran', ...rest }
    } catch (error) {
      if (!(error instanceof GuestSilence)) throw error
      if (error.why === 'too_long') return failed('too_long', pid)
      // A guest that is moved or busy may answer again; one that is gone, or whose agent knows the command no more, does not.
      if (error.why !== 'silent') return failed('lost', pid)
      silent = true
    }
    if (time.now_ms() >= end_ms) return failed(silent ? 'lost' : 'timeout', pid)
    await time.sleep(Math.max(1, Math.min(wait_ms, end_ms - time.now_ms())))
  }
}

const failed = (why: 'timeout' | 'lost' | 'too_long', pid: number): GuestAnswer => ({ outcome: 'failed', why, pid })

function pidOf(said: unknown): number {
  const pid = typeof said === 'object' && said !== null && 'pid' in said ? said.pid : null
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 0) throw new GuestSilence('strange')
  return pid
}

type Ran = Extract<GuestAnswer, { outcome: 'ran' }>

export function statusOf(said: unknown): { exited: boolean } & Omit<Ran, 'outcome'> {
  const status = (typeof said === 'object' && said !== null ? said : {}) as Record<string, unknown>
  const [stdout, stderr] = [outputOf(status['out-data']), outputOf(status['err-data'])]
  return {
    exited: status.exited === true,
    exit_code: numberOf(status.exitcode),
    signal: numberOf(status.signal),
    stdout: stdout.base64,
    stderr: stderr.base64,
    stdout_truncated: stdout.cut || status['out-truncated'] === true,
    stderr_truncated: stderr.cut || status['err-truncated'] === true,
  }
}

const numberOf = (said: unknown) => (Number.isSafeInteger(said) ? Number(said) : null)

function outputOf(said: unknown): { base64: string; cut: boolean } {
  if (typeof said !== 'string') return { base64: '', cut: false }
  const bytes = Buffer.from(said, 'base64')
  const kept = bytes.subarray(0, guestBounds.output_bytes_max)
  return { base64: kept.toString('base64'), cut: kept.length < bytes.length }
}

type Manager = (typeof packageManagers)[number]

/** What asks each of them for a line a package. */
const listings: Readonly<Record<Manager, readonly string[]>> = {
  // dpkg-query(1) and rpm(8) read the backslashes themselves.
  dpkg: ['dpkg-query', '-W', '-f', String.raw`${'$'}{db:Status-Abbrev}\t${'$'}{Package}\t${'$'}{Version}\n`],
  rpm: ['rpm', '-qa', '--queryformat', String.raw`%{NAME}\t%{VERSION}-%{RELEASE}\n`],
  apk: ['apk', 'info', '-v'],
}
const listing_ms = 20_000

/** Asks the first package manager that is there. Throws GuestSilence. */
export async function readApplications(talk: Talk, time: Time): Promise<GuestAnswer> {
  for (const manager of packageManagers) {
    const argv = [...listings[manager]]
    let ran: GuestAnswer
    try {
      ran = await runInGuest(talk, { ask: 'run', argv, timeout_ms: listing_ms }, time)
    } catch (error) {
      // Such a program is not there.
      if (error instanceof GuestSilence && error.why === 'not_started') continue
      throw error
    }
    if (ran.outcome !== 'ran') return ran
    const found = applicationsOf(manager, Buffer.from(ran.stdout, 'base64').toString())
    if (ran.exit_code !== 0 && found.length === 0) continue
    const applications = found.slice(0, guestBounds.applications_max)
    const truncated = ran.stdout_truncated || applications.length < found.length
    return { outcome: 'applications', manager, applications, truncated }
  }
  return { outcome: 'applications', manager: null, applications: [], truncated: false }
}

export function applicationsOf(manager: Manager, text: string): { name: string; version: string }[] {
  return text
    .split('\n')
    .flatMap(line => {
      const [name, version] = splitLine(manager, line).map(part => plainText(part))
      return name && version ? [{ name, version }] : []
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function splitLine(manager: Manager, line: string): (string | undefined)[] {
  const parts = line.split('\t')
  switch (manager) {
    case 'dpkg':
      // 'ii ': wanted, and there.
      return parts[0]?.[1] === 'i' ? parts.slice(1) : []
    case 'rpm':
      return parts
    case 'apk':
      return /^(.+)-([^-]+-r\d+)$/.exec(line)?.slice(1) ?? []
    default:
      manager satisfies never
      return []
  }
}
