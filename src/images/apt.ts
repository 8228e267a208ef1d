/**
 * Packages of the machine's own distribution, as material for images: which versions apt would install into an empty
 * system, downloaded into a folder and checked against apt's signed lists, unpacked without being installed. Works
 * without root. Not its job: installing anything on this machine.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CommandError, runCommand } from '../lib/disk-image/command.ts'
import { BuildError } from './build.ts'

export interface AptPackage {
  name: string
  version: string
  architecture: string
  sha256: string
  size_bytes: number
}

export interface AptOptions {
  work_dir: string
  environment?: Readonly<Record<string, string>> | undefined
  signal?: AbortSignal | undefined
}

/** The first of these packages that this distribution has, or undefined. */
export async function firstKnown(names: readonly string[], options: AptOptions): Promise<string | undefined> {
  for (const name of names) if ((await showPackages([name], options)).length > 0) return name
  return undefined
}

/**
 * The packages apt would install into an empty system, dependencies with them, recommendations without. Each group is
 * resolved by itself, and only what its `wanted` says is kept.
 */
export async function resolvePackages(
  groups: readonly { install: readonly string[]; wanted: (name: string) => boolean }[],
  options: AptOptions,
): Promise<AptPackage[]> {
  const scratch = await mkdtemp(join(options.work_dir, 'apt-'))
  try {
    const status = join(scratch, 'status')
    await writeFile(status, '')
    const system = ['-o', `Dir::State::status=${status}`, '-o', 'Debug::NoLocking=1', '--no-install-recommends']
    const chosen = await Promise.all(
      groups.map(async group => {
        const { stdout } = await apt(['apt-get', ...system, '-s', 'install', ...group.install], options)
        const lines = [...stdout.matchAll(/^Inst (\S+) \((\S+) .*\)/gm)]
        return lines.filter(([, name]) => name && group.wanted(name)).map(([, name, version]) => `${name}=${version}`)
      }),
    )
    const asked = chosen.flat()
    const found = await showPackages(asked, options)
    const missing = asked.filter(one => !found.some(entry => one === `${entry.name}=${entry.version}`))
    if (missing.length > 0)
      throw new BuildError('failed', `apt chose ${missing.join(', ')} but does not describe them.`)
    return found
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Downloads what is missing, checks everything, and returns the path of each package's file. */
export async function downloadPackage(entry: AptPackage, options: AptOptions): Promise<string> {
  const folder = join(options.work_dir, 'packages')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${entry.name}_${entry.version.replaceAll(':', '%3a')}_${entry.architecture}.deb`)
  if (await isIntact(path, entry)) return path
  // Into a folder of its own first: apt leaves partial files behind when it is stopped.
  const scratch = await mkdtemp(join(folder, 'get-'))
  try {
    const asRoot = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []
    const name = `${entry.name}:${entry.architecture === 'all' ? 'amd64' : entry.architecture}=${entry.version}`
    await apt(['apt-get', ...asRoot, '-q', 'download', name], options, scratch)
    const fresh = join(scratch, path.slice(folder.length + 1))
    if (!(await isIntact(fresh, entry))) {
      throw new BuildError('failed', `The download of ${entry.name} ${entry.version} is not what apt's lists promise.`)
    }
    await rename(fresh, path)
    return path
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Unpacks a package (once) and returns the folder that holds its files. */
export async function unpackPackage(entry: AptPackage, file: string, options: AptOptions): Promise<string> {
  const folder = join(options.work_dir, 'unpacked')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${entry.name}_${entry.sha256.slice(0, 16)}`)
  if (await exists(path)) return path
  const scratch = await mkdtemp(join(folder, 'new-'))
  try {
    await runCommand(['dpkg-deb', '--extract', file, join(scratch, 'root')], { ...passed(options) })
    // Another build may have been quicker; what it made is the same.
    await rename(join(scratch, 'root'), path).catch(async (error: unknown) => {
      if (!(await exists(path))) throw error
    })
    return path
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What apt's lists say of packages, each given as name or name=version; unknown ones are left out. */
async function showPackages(asked: readonly string[], options: AptOptions): Promise<AptPackage[]> {
  let text: string
  try {
    text = (await apt(['apt-cache', 'show', '--no-all-versions', ...asked], options)).stdout
  } catch (error) {
    // Status 100: one of them is unknown.
    if (!(error instanceof CommandError && error.exit_code === 100)) throw error
    text = error.stdout
  }
  const found: AptPackage[] = []
  for (const paragraph of text.split('\n\n')) {
    const field = (key: string): string => new RegExp(`^${key}: (.+)$`, 'm').exec(paragraph)?.[1] ?? ''
    const sha256 = field('SHA256')
    const size_bytes = Number(field('Size'))
    // What is installed is described once more, without a checksum.
    if (!sha256) continue
    found.push({
      name: field('Package'),
      version: field('Version'),
      architecture: field('Architecture'),
      sha256,
      size_bytes,
    })
  }
  return found
}

async function apt(argv: [string, ...string[]], options: AptOptions, cwd?: string): ReturnType<typeof runCommand> {
  try {
    return await runCommand(argv, { ...passed(options), timeout_ms: 600_000, ...(cwd === undefined ? {} : { cwd }) })
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'not_installed') {
      throw new BuildError(
        'unsupported',
        `${argv[0]} is missing: images are built from Debian or Ubuntu packages only.`,
        { cause: error },
      )
    }
    if (error instanceof CommandError && argv[0] === 'apt-get') {
      const advice = "Run 'apt-get update' and look whether this machine reaches its package mirror."
      throw new BuildError('failed', `Packages could not be fetched: ${error.message}. ${advice}`, { cause: error })
    }
    throw error
  }
}

function passed(options: AptOptions): { environment?: Readonly<Record<string, string>>; signal?: AbortSignal } {
  return {
    ...(options.environment ? { environment: options.environment } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  }
}

async function isIntact(path: string, entry: AptPackage): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === entry.size_bytes && (await sha256OfFile(path)) === entry.sha256
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

export interface AptSource {
  uri: string
  /** Such as Debian or Ubuntu. */
  origin: string
  /** Such as bookworm, bookworm-security. */
  codename: string
  component: string
}

/** The package mirrors this machine uses, from apt's own configuration. */
export async function aptSources(options: AptOptions): Promise<AptSource[]> {
  const format = '$(REPO_URI)\t$(ORIGIN)\t$(CODENAME)\t$(COMPONENT)'
  const { stdout } = await apt(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages'], options)
  return stdout.split('\n').flatMap(line => {
    const [uri, origin, codename, component] = line.split('\t')
    return uri && origin && codename && component ? [{ uri, origin, codename, component }] : []
  })
}
