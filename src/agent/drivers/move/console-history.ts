/**
 * What a guest wrote on its console goes with it, the newest of it: whoever reads the log there finds one history. It never keeps a
 * guest from moving: without it the log just begins later.
 */
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { consoleBytesMax } from '../../../protocol/peer.ts'
import type { Log } from '../../ports.ts'
import { type LogEnd, readSince, readTail } from '../libvirt/console-log.ts'
import { consoleLogPath, type DomainHost } from '../libvirt/domain-xml.ts'

interface History {
  readonly host: Pick<DomainHost, 'log_directory'>
  readonly log: Log
}

/** At the source: for the offer; and what was written after it, asked for when the guest stands still. Absent: there is none. */
export async function sentConsole({ host, log }: History, instance_id: string) {
  const path = consoleLogPath(host.log_directory, instance_id)
  let end: LogEnd | null = null
  const sent = async (read: () => Promise<Buffer>): Promise<{ console?: string }> => {
    try {
      const bytes = await read()
      return bytes.length > 0 ? { console: bytes.toString('base64') } : {}
    } catch (error) {
      log.warn({ error, instance: instance_id }, 'the console log of a guest that moves cannot be read')
      return {}
    }
  }
  const before = await sent(async () => {
    const tail = await readTail(path, consoleBytesMax)
    end = tail.end
    return tail.bytes
  })
  const since = () => sent(async () => (end === null ? Buffer.alloc(0) : readSince(path, end, consoleBytesMax)))
  return { before, since }
}

/** At the target: in place of whatever is there, before the guest's process is made, and after that behind it. */
export async function keepConsole(
  { host, log }: History,
  instance_id: string,
  { console = '' }: { readonly console?: string },
  how: 'anew' | 'more',
): Promise<void> {
  if (how === 'more' && console === '') return
  const path = consoleLogPath(host.log_directory, instance_id)
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const keep = how === 'anew' ? writeFile : appendFile
    await keep(path, Buffer.from(console, 'base64'), { mode: 0o600 })
  } catch (error) {
    log.warn({ error, instance: instance_id }, 'the console log of a guest that comes cannot be kept')
  }
}
