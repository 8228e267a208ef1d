/** Reads an instance's serial log for a page, and follows it: over lines that break, with nothing of what is shown taken away (sdk/follow-log.ts). */
import { useEffect, useRef, useState } from 'react'
import type { Instance } from '../../api/instance.ts'
import { followLog } from '../../sdk/follow-log.ts'
import { routes } from '../api/routes.ts'
import { client } from '../session/session.ts'

const shown_bytes = 2 * 1024 * 1024

export type LogState = 'loading' | 'following' | 'read' | 'lost'

interface Out {
  write(bytes: Uint8Array): void
  clear(): void
}

/** A log that is followed ends with its guest, and is read anew when that starts again. */
export function useLog({ id: instance, started_at }: Instance, follow: boolean, out: Out) {
  const [state, setState] = useState<LogState>('loading')
  const [error, setError] = useState<unknown>()
  /** Of a line that is lost. */
  const [why, setWhy] = useState<unknown>()
  const latest = useRef(out)
  useEffect(() => {
    latest.current = out
  })
  useEffect(() => {
    const stop = new AbortController()
    // What is shown of the log as it was gives way once this one is there.
    let shown = false
    const begin = () => {
      if (!shown) latest.current.clear()
      shown = true
    }
    followLog({
      open: (tail_bytes, signal) =>
        client().stream(routes.instance.log, { params: { instance }, query: { tail_bytes, follow }, signal }),
      tail_bytes: shown_bytes,
      signal: stop.signal,
      write: bytes => latest.current.write(bytes),
      anew: () => latest.current.clear(),
      said(now, broken) {
        setWhy(broken)
        if (now === 'following') begin()
        setState(now === 'following' && !follow ? 'loading' : now)
      },
    })
      .then(() => !stop.signal.aborted && setState('read'))
      .catch((failure: unknown) => !stop.signal.aborted && setError(failure))
    return () => stop.abort()
  }, [instance, follow, started_at])
  return { state, why, error }
}
