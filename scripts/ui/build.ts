/**
 * Builds the web UI into dist/ui when it is missing or older than what it is made from, with each text file compressed beside it, so
 * that the controller only hands files out.
 *
 *   sh scripts/node.sh scripts/ui/build.ts [--force]
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const root = path.join(import.meta.dirname, '../..')
const out = path.join(root, 'dist/ui')
const stamp_file = 'stamp'

/** A hash of everything the built files depend on. */
function stampOfSources(): string {
  const hash = createHash('sha256')
  const files = globSync(
    ['src/ui/**/*.*', 'src/{api,model,sdk}/*.ts', 'src/cli/{command-shape,contract}.ts', 'scripts/ui/*.ts'],
    {
      cwd: root,
    },
  )
  for (const file of [...files.sort(), 'package-lock.json'])
    hash.update(file).update(readFileSync(path.join(root, file)))
  return hash.digest('hex')
}

async function isBuilt(stamp: string): Promise<boolean> {
  return (await readFile(path.join(out, stamp_file), 'utf8').catch(() => '')) === stamp
}

/** Smaller files than this are not worth a second one. */
const compress_bytes_min = 1024

async function compressAll(folder: string): Promise<void> {
  const files = globSync('**/*.{js,css,html,svg,json}', { cwd: folder })
  await Promise.all(
    files.map(async name => {
      const file = path.join(folder, name)
      const bytes = await readFile(file)
      if (bytes.length < compress_bytes_min) return
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
      await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes, { params }))
      await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }))
    }),
  )
}

/** Another build of the same may put its own there between the two steps. */
async function putInPlace(fresh: string): Promise<void> {
  for (;;) {
    await rm(out, { recursive: true, force: true })
    try {
      return await rename(fresh, out)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
    }
  }
}

async function build(stamp: string): Promise<void> {
  const [{ build: viteBuild }, { uiConfig }] = await Promise.all([import('vite'), import('./config.ts')])
  // Beside the old one until it is whole: a controller may be handing that out.
  const fresh = `${out}.${process.pid}`
  try {
    await viteBuild(uiConfig(fresh))
    await compressAll(fresh)
    await writeFile(path.join(fresh, stamp_file), stamp)
    await putInPlace(fresh)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

const stamp = stampOfSources()
if (process.argv.includes('--force') || !(await isBuilt(stamp))) {
  const from = performance.now()
  await build(stamp)
  console.log(`the web UI was built in ${((performance.now() - from) / 1000).toFixed(1)} s`)
} else console.log('the web UI is up to date')
