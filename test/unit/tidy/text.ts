/** What a module's text may not contain, and how long it and its functions may be; the exceptions, with their reasons. */
import type { Module } from './sources.ts'

/** The text without comments, by how the formatter leaves them. */
export function codeOf(module: Module): string {
  return module.text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
}

export interface Ban {
  readonly what: RegExp
  readonly why: string
  /** Prefixes of files that the ban is for. */
  readonly where: readonly string[]
  /** A comment beside it makes it good. */
  readonly with_comments?: boolean
  /** Prefixes of files that are let off, each with the reason. */
  readonly except?: Readonly<Record<string, string>>
}

const all = ['src/', 'sim/', 'bench/', 'scripts/', 'test/']

export const bans: readonly Ban[] = [
  {
    what: /\bprocess\.env\b/,
    why: 'configuration is read in one place and given on as values',
    where: ['src/', 'sim/', 'bench/'],
    except: {
      'src/config.ts': 'the place',
      'src/client-environment.ts': 'the same for the CLI, apart so that each command starts fast',
    },
  },
  {
    what: /(?::|<|\bas|\|)\s*any\b(?=\s*[;,)>|=[\]}\n])/,
    why: 'say what it is, or unknown',
    where: all,
    except: { 'test/unit/tidy': 'says what is banned' },
  },
  {
    what: /@ts-(ignore|expect-error|nocheck)/,
    why: 'mend the type',
    where: all,
    except: { 'test/unit/tidy': 'says what is banned' },
  },
  {
    what: /as unknown as/,
    why: 'a cast through unknown switches the compiler off',
    where: all,
    except: {
      'test/unit/tidy': 'says what is banned',
      'src/cli/': 'walks all routes of the contract alike, where the type of no one route holds',
      'src/controller/http/server.ts': "Fastify's type differs with and without TLS; nothing here cares",
      'src/controller/agents/link-server.ts': "the same, of the agents' link",
    },
  },
  {
    what: /\bshell:\s*true\b|\bimport\s*\{[^}]*\bexec(Sync)?\b[^}]*\}\s*from 'node:child_process'/,
    why: 'programs are started with an argument vector, never by a shell',
    where: all,
    except: { 'test/unit/tidy': 'says what is banned' },
  },
  {
    what: /\bDate\.now\(\)|\bnew Date\(\)|\bMath\.random\(|\bsetTimeout\(|\bsetInterval\(|crypto\.random|\brandom(?:UUID|Bytes|Int)\b[^;]*?from 'node:crypto'/,
    why: 'the controller takes time and randomness from outside, so that a run can be repeated from a seed',
    where: ['src/controller/', 'src/model/', 'src/protocol/', 'src/api/'],
    except: {
      'src/controller/main.ts': 'gives the controller the real ones',
      'src/controller/store/listener.ts':
        'a lost connection is tried again by the wall clock; the simulation has its own',
      'src/controller/store/liveness.ts': 'connections live and die by the wall clock; the simulation has its own',
      'src/controller/store/sign-in-attempt.ts': 'stands for a lock that has just ended, and decides nothing',
    },
  },
  {
    what: /\bconsole\.(log|error|warn|info)\(/,
    why: 'the controller and the agent log by pino',
    where: ['src/controller/', 'src/agent/', 'src/model/', 'src/protocol/', 'src/api/', 'src/lib/', 'src/sdk/'],
  },
  {
    what: /\bcatch(?:\s*\(\w+\))?\s*\{\s*\}|\.catch\(\(\)\s*=>\s*\{\s*\}\)/,
    why: 'an error that nothing is done about says in a comment why',
    where: ['src/', 'sim/', 'scripts/'],
    with_comments: true,
  },
]

/** Files stay below about 300 lines; tests, which are read story by story, below about 400. */
export function linesMax(file: string): number {
  return file.startsWith('test/') ? 420 : 320
}
/** Beyond that, at most this many, for a reason. */
export function linesMaxEver(file: string): number {
  return file.startsWith('test/') ? 600 : 400
}

export const longFiles: Readonly<Record<string, { reason: string; max?: number }>> = {
  'src/agent/reconcilers/instance.ts': { reason: 'one pass over an instance, from what is wanted to what is told' },
  'src/api/instance.ts': { reason: 'every shape and route of instances' },
  'src/controller/agents/session.ts': { reason: 'one link from its hello to its end' },
  'src/controller/store/operation.ts': { reason: 'every query on operations, and how they end' },
  'src/controller/store/schema.ts': { reason: 'one interface per table, beside the SQL of the migrations', max: 900 },
  'src/controller/store/instance-shown.ts': { reason: 'all that is shown of an instance, and what of it is kept' },
  'sim/host.ts': { reason: 'one machine with all that may happen to it' },
  'sim/run.ts': { reason: 'one run, from its first host to what holds in the end' },
  'src/lib/libvirt/rpc.ts': {
    reason: "libvirt's protocol on one socket: calls, replies, events and streams belong together",
  },
  'test/real/controller/availability.test.ts': {
    reason: 'three hosts and a management controller, and every way in which one of them is lost',
  },
  'test/real/controller/console.test.ts': {
    reason: 'one cloud of two controllers, and all that befalls a console there',
  },
  'test/real/controller/hostile-agent.test.ts': { reason: 'one liar, and every word that it has' },
  'test/real/controller/image.test.ts': { reason: 'one server and one set of hostile files for all uploads' },
  'test/real/controller/migration.test.ts': { reason: 'one cloud of hosts, and all that befalls a move there' },
  'test/unit/agent/agent.test.ts': { reason: 'the whole agent over fakes, story by story' },
}

export const function_lines_max = 80
/** A view is mostly markup, one tag a line: it is read by its shape. */
export const view_lines_max = 110
/** 'file: first line of the function' and why. */
export const longFunctions: Readonly<Record<string, string>> = {}

const statement =
  /^\s*(?:\}? ?else|if|for|while|switch|try|catch|finally|do|class|export class|interface|export interface)\b/
const opening = /^(\s*)(?:.*\(.*\).* \{|.*=> \{|\).* \{)$/

export interface FunctionSize {
  readonly name: string
  /** Lines from its opening brace to its closing one, without those of the functions that stand inside it. */
  readonly own_lines: number
}

/** By how the formatter indents: a function ends where a brace closes at the indentation of its first line. */
export function functionsOf(module: Module): FunctionSize[] {
  const found: { name: string; from: number; to: number }[] = []
  for (const [from, line] of module.lines.entries()) {
    const indent = opening.exec(line)?.[1]
    if (indent === undefined || statement.test(line)) continue
    const to = module.lines.findIndex((other, n) => n > from && other.startsWith(`${indent}}`))
    if (to > from) found.push({ name: line.trim(), from, to })
  }
  return found.map(({ name, from, to }) => {
    const inside = found.filter(other => other.from > from && other.to < to)
    const direct = inside.filter(one => !inside.some(other => other.from < one.from && other.to > one.to))
    const nested = direct.reduce((sum, one) => sum + one.to - one.from + 1, 0)
    return { name, own_lines: to - from + 1 - nested }
  })
}
