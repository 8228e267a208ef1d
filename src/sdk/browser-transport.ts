/** The SDK's way to a server from a browser: its own fetch. Certificates are the browser's business. */
import { event_silence_ms, type Ways } from './client.ts'
import { ConnectionFailed } from './errors.ts'
import type { Fetch } from './fetch.ts'

/** Not more than a browser has, so that this compiles without its types, and with them. */
interface Browser {
  fetch(
    url: string,
    asked: object,
  ): Promise<{
    status: number
    headers: { get(name: string): string | null }
    body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }>; cancel(): Promise<void> } } | null
  }>
}

/** `events`: a stream on which nothing comes for 45 s is given up; a browser would wait for ever. */
export function browserWays(browser: Browser): Ways {
  return { calls: way(browser), events: way(browser, event_silence_ms) }
}

function way(browser: Browser, silence_max_ms?: number): Fetch {
  return async (url, asked) => {
    const silent = new AbortController()
    const watch = silence_max_ms === undefined ? undefined : watchdog(silent, silence_max_ms)
    const { signal } = asked
    const either = signal ? AbortSignal.any([signal, silent.signal]) : silent.signal
    const failed = (error: unknown, code: string, what: string) => {
      watch?.stop()
      return signal?.aborted ? signal.reason : new ConnectionFailed(url, code, what, { cause: error })
    }
    const answer = await browser.fetch(url, { ...asked, signal: either, cache: 'no-store' }).catch((error: unknown) => {
      // Whether it was received cannot be told; every change carries an Idempotency-Key, so it may be asked again.
      throw failed(error, 'ECONNRESET', 'The controller cannot be reached: no answer came.')
    })
    watch?.heard()
    return { status: answer.status, headers: answer.headers, body: answer.body && bytes(answer.body) }

    async function* bytes(body: NonNullable<Awaited<ReturnType<Browser['fetch']>>['body']>) {
      const reader = body.getReader()
      try {
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          watch?.heard()
          if (next.value) yield next.value
        }
      } catch (error) {
        throw failed(error, 'CUT_SHORT', 'The connection to the controller broke off.')
      } finally {
        watch?.stop()
        // What is left of an answer that nobody reads on is not wanted; that it was over already is fine.
        reader.cancel().catch(() => undefined)
      }
    }
  }
}

function watchdog(silent: AbortController, silence_max_ms: number) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => clearTimeout(timer)
  const heard = () => {
    stop()
    timer = setTimeout(
      () => silent.abort(new Error(`nothing was heard for ${silence_max_ms / 1000} s`)),
      silence_max_ms,
    )
  }
  heard()
  return { stop, heard }
}
