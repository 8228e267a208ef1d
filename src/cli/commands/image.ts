/** What is hand-made about images: `create --file` sends a file, resuming where it broke off; `build` makes an image first. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import type { BodyOf } from '../../api/route.ts'
import type { imageRoutes } from '../../api/image.ts'
import { uploadByTus } from '../../sdk/tus.ts'
import { addCommonOptions, givenOf, type Options } from '../build-command.ts'
import { type CommandShape, commandShape } from '../command-shape.ts'
import { call, type Context } from '../context.ts'
import { UsageError } from '../failure.ts'
import { sizeOfGiven } from '../files.ts'
import { size } from '../format.ts'
import type { Comfort, Shop } from '../shop.ts'
import { runCommand } from '../run.ts'
import { showAnswer } from '../show.ts'
import { mustHaveSucceeded, waitForOperations } from '../wait.ts'

type ImageCreate = BodyOf<typeof imageRoutes.create>

export const comfort: Comfort = {
  extend(noun, shop) {
    noun.commands
      .find(command => command.name() === 'create')
      ?.option('--file <path>', 'the content, uploaded now: qcow2, raw and what else is detected by content')
    registerBuild(noun, shop)
  },
  instead: {
    async create(context, command, words, shape) {
      const given = givenOf(command, shape, words)
      const { file, wait } = command.opts<Options>()
      if (typeof file !== 'string') return runCommand(context, shape, given, { wait: wait === true, watch: false })
      // The generic way fills the request; then the file takes the place of a plain request.
      let body: Record<string, unknown> = {}
      await runCommand(context, shape, given, { wait: false, watch: false, ask: false }, input => {
        body = input.body
      })
      if (body.source_url !== undefined) throw new UsageError('An image has one content: say --file or --source-url.')
      return createFromFile(context, file, body as ImageCreate, wait === true)
    },
  },
}

function createShape(context: Context): CommandShape {
  const route = context.nouns.image?.create
  if (!route) throw new Error('the contract has no image.create')
  return commandShape(route, context.nouns)
}

async function createFromFile(context: Context, file: string, body: ImageCreate, wait: boolean): Promise<void> {
  const size_bytes = await sizeOfGiven(file)
  const progress = context.out.progress()
  const sha256 =
    body.sha256 ?? (await progress.step(`Read ${path.basename(file)}`, show => sha256Of(file, size_bytes, show)))
  const made = await call(context, 'image', 'create', { body: { ...body, size_bytes, sha256 } })
  const { upload_url } = made
  if (upload_url === null) throw new Error('the API gave no address to upload to')
  const client = await context.client()
  await progress.step(
    `Upload ${body.name}`,
    show =>
      uploadByTus(client, {
        path: upload_url,
        size_bytes,
        read: start => createReadStream(file, { start, highWaterMark: 256 * 1024 }),
        on_progress: sent =>
          show(`${size(sent, 'B')} of ${size(size_bytes, 'B')}`, (100 * sent) / Math.max(1, size_bytes)),
      }),
    () => size(size_bytes, 'B'),
  )
  const ended = wait
    ? await waitForOperations(context, `Check ${body.name}`, [
        { operation: made.operation, resource_ids: [made.image.id] },
      ])
    : []
  const image = await call(context, 'image', 'get', { params: { image: made.image.id } })
  const operation = await call(context, 'operation', 'get', { params: { operation: made.operation.id } })
  showAnswer(context, createShape(context), { image, operation }, {})
  await mustHaveSucceeded(context, ended)
}

async function sha256Of(
  file: string,
  size_bytes: number,
  show: (detail: string, percent: number) => void,
): Promise<string> {
  const hash = createHash('sha256')
  let read = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer)
    read += (chunk as Buffer).length
    show(size(read, 'B'), (100 * read) / Math.max(1, size_bytes))
  }
  return hash.digest('hex')
}

interface BuildOptions {
  name?: string
  visibility?: ImageCreate['visibility']
  output?: string
  workDir?: string
  wait?: boolean
}

function registerBuild(noun: Command, shop: Shop): void {
  const command = noun
    .command('build <recipe>')
    .summary('Build an image from Debian packages on this machine, and upload it')
    .description('Build an image from Debian packages on this machine (tiny, debian-12), and upload it.')
    .option('--name <name>', "what to call it (default: the recipe's name)")
    .option('--visibility <word>', 'private, shared, community or public')
    .option('--output <file>', 'write the qcow2 file there, and upload nothing')
    .option('--work-dir <dir>', 'where packages are kept between builds')
    .option('--wait', 'wait until it can be used')
  addCommonOptions(command).action((recipe: string, options: BuildOptions) =>
    build(shop.contextOf(command), recipe, options),
  )
}

async function build(context: Context, recipe: string, options: BuildOptions): Promise<void> {
  const { buildImage } = await import('../../images/recipe.ts')
  const { env, out } = context
  const cache = env.cache_home ?? (env.home === undefined ? tmpdir() : path.join(env.home, '.cache'))
  const work_dir = options.workDir ?? path.join(cache, 'croft', 'images')
  const scratch = options.output === undefined ? await mkdtemp(path.join(tmpdir(), 'croft-build-')) : undefined
  try {
    const target = options.output ?? path.join(scratch ?? '', `${recipe}.qcow2`)
    const built = await out.progress().step(
      `Build ${recipe}`,
      show => buildImage(recipe, { work_dir, out: target, on_progress: one => show(one.step, one.fraction * 100) }),
      ({ size_bytes }) => size(size_bytes, 'B'),
    )
    if (options.output !== undefined) return out.json ? out.printJson(built) : out.print(`${built.path}\n`)
    const { name = built.name, visibility } = options
    const { sha256, min_memory_mib } = built
    const body = { name, sha256, min_memory_mib, ...(visibility && { visibility }) }
    await createFromFile(context, built.path, body, options.wait === true)
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true })
  }
}
