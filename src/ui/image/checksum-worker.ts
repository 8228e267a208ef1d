/** Reads a file and takes its checksum, beside the page so that the page stays quick. */
import { Sha256 } from './sha256.ts'

export type ChecksumNews = { read_bytes: number } | { sha256: string } | { failure: string }

const told_every_bytes = 16 * 1024 ** 2

async function checksum(file: File): Promise<void> {
  const hash = new Sha256()
  let read_bytes = 0
  let told_bytes = 0
  const reader = file.stream().getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    hash.update(next.value)
    read_bytes += next.value.byteLength
    if (read_bytes - told_bytes < told_every_bytes) continue
    told_bytes = read_bytes
    tell({ read_bytes })
  }
  tell({ sha256: hash.digest() })
}

const tell = (news: ChecksumNews) => self.postMessage(news, {})

self.addEventListener('message', (message: MessageEvent<File>) => {
  checksum(message.data).catch((error: unknown) => tell({ failure: String(error) }))
})
