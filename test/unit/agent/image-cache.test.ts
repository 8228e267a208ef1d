import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { createImageCache, type ImageCache } from '../../../src/agent/drivers/storage/image-cache.ts'
import type { WantedImage } from '../../../src/agent/drivers/storage/image-fetch.ts'
import { quiet, uuid } from './fakes.ts'

const work = await mkdtemp(join(tmpdir(), 'croft-image-cache-'))
after(() => rm(work, { recursive: true, force: true }))
const never = new AbortController().signal
let caches = 0

function image(text: string): { wanted: WantedImage; name: string } {
  const sha256 = createHash('sha256').update(text).digest('hex')
  const wanted = { image_id: uuid(text.length), sha256, size_bytes: text.length, format: 'raw' as const }
  return { wanted, name: `${sha256}.raw` }
}

const texts = ['one', 'second', 'the third']
const [one, two, three] = texts.map(image) as [
  ReturnType<typeof image>,
  ReturnType<typeof image>,
  ReturnType<typeof image>,
]

function cacheOver(inUse: () => Promise<ReadonlySet<string>>): { cache: ImageCache; directory: string } {
  const directory = join(work, String(caches++))
  const source = {
    get: (id: string) => {
      const text = texts.find(each => uuid(each.length) === id) ?? ''
      return Promise.resolve({ from: 0, body: Readable.from([Buffer.from(text)]) })
    },
  }
  const limits = { cache_max_bytes: 0, reserve_bytes: 0 }
  return { cache: createImageCache({ host_id: 'h1', directory, source, log: quiet, inUse, ...limits }), directory }
}

const use = (cache: ImageCache, { wanted }: { wanted: WantedImage }, what: () => Promise<void> = async () => {}) =>
  cache.withImage(wanted, () => undefined, never, what)

test('an image that a volume begins to stand on while volumes are being read is not evicted', async () => {
  const volumes = new Set<string>()
  const reading = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let gated = false
  const { cache, directory } = cacheOver(async () => {
    // What is read first may be old by the time that the rest has been read.
    const seen = new Set(volumes)
    if (gated) {
      reading.resolve()
      await go.promise
    }
    return seen
  })
  await use(cache, one)
  gated = true
  const other = use(cache, two)
  await reading.promise
  await use(cache, one, async () => void volumes.add(one.name))
  go.resolve()
  await other
  assert.ok((await readdir(directory)).includes(one.name), 'the backing file of a volume is gone')
})

test('an image that is taken up while others are evicted is there for its whole use', async () => {
  const { cache, directory } = cacheOver(() => Promise.resolve(new Set()))
  await use(cache, one)
  await use(cache, two)
  // Evicts one and two; each is wanted again at any moment of it.
  const evicting = use(cache, three)
  for (let n = 0; n < 40; n++) {
    await Promise.all(
      [one, two].map(each =>
        use(cache, each, async () => {
          for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
          assert.ok((await readdir(directory)).includes(each.name), 'it was evicted while in use')
        }),
      ),
    )
  }
  await evicting
})

test('what an eviction was killed over is gone with the next one', async () => {
  const { cache, directory } = cacheOver(() => Promise.resolve(new Set()))
  await use(cache, one)
  await writeFile(join(directory, `${two.name}.evicted`), 'half way')
  await use(cache, three)
  assert.deepEqual(await readdir(directory), [three.name])
})
