/**
 * Where the controllers are: those of the joining, and those that a controller has named since, kept on disk. One that came
 * later is learnt, one that is gone is forgotten; those of the joining stay as a last resort, whatever is said. Whether one
 * of them is a controller is for its certificate to show, not for this list.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { linkPath } from '../protocol/join.ts'
import { replaceFile } from './drivers/state-directory.ts'
import type { Log } from './ports.ts'

const file = 'controllers.json'
const urlsMax = 64

export interface Controllers {
  /** Those learnt last, then those of the joining that are not among them. Never empty. */
  readonly urls: readonly string[]
  /** On disk when it resolves. What is not the address of a link is left out; of an empty list nothing is learnt. */
  learn(link_urls: readonly string[]): Promise<void>
}

export async function loadControllers(state_dir: string, joined: readonly string[], log: Log): Promise<Controllers> {
  let learnt = linksAmong(await read(state_dir, log))
  return {
    get urls() {
      return [...learnt, ...joined.filter(url => !learnt.includes(url))]
    },
    async learn(link_urls) {
      const next = linksAmong(link_urls)
      if (next.length < link_urls.length)
        log.warn({ link_urls }, 'a controller named addresses that are none of a link')
      if (next.length === 0 || JSON.stringify(next) === JSON.stringify(learnt)) return
      await replaceFile(state_dir, file, `${JSON.stringify({ link_urls: next }, null, 2)}\n`)
      learnt = next
      log.info({ link_urls: next }, 'the controllers that there are now')
    },
  }
}

async function read(state_dir: string, log: Log): Promise<readonly unknown[]> {
  try {
    const value: unknown = JSON.parse(await readFile(join(state_dir, file), 'utf8'))
    if (typeof value === 'object' && value !== null && 'link_urls' in value && Array.isArray(value.link_urls)) {
      return value.link_urls
    }
    log.warn({ file }, 'the list of controllers cannot be read; the next link brings it again')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      log.warn({ file, error }, 'the list of controllers cannot be read; the next link brings it again')
    }
  }
  return []
}

function linksAmong(urls: readonly unknown[]): string[] {
  const links = urls.filter((url): url is string => typeof url === 'string' && isLink(url))
  return [...new Set(links)].slice(0, urlsMax)
}

function isLink(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null
  return (
    url?.protocol === 'wss:' && url.pathname === linkPath && !url.username && !url.password && !url.search && !url.hash
  )
}
