/** The serial log: what the guest wrote, with its colours; search, follow, wrap, download. xterm draws it, so it is all there at once. */
import { Alert, Button, SearchInput, Switch } from '@patternfly/react-core'
import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import type { Terminal } from '@xterm/xterm'
import { useEffect, useRef, useState } from 'react'
import type { Instance } from '../../api/instance.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { routes } from '../api/routes.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { client } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import './console.css'
import { words } from './text.ts'
import { makeTerminal, openIn } from './xterm.ts'

const shown_bytes = 2 * 1024 * 1024
const whole_bytes = 8 * 1024 * 1024
const wide_columns = 400
const retry_ms = 2000

type State = 'loading' | 'following' | 'read' | 'lost'
const tones = { loading: 'busy', following: 'good', read: 'off', lost: 'warn' } as const

export default function SerialLog({ item }: { item: Instance }) {
  const place = useRef<HTMLDivElement>(null)
  const parts = useRef<{ terminal: Terminal; fit: FitAddon; search: SearchAddon } | null>(null)
  const [follow, setFollow] = useState(true)
  const [wrap, setWrap] = useState(true)
  const [sought, setSought] = useState('')
  const [found, setFound] = useState(true)
  const label = words('log.of', { name: item.name })
  useEffect(() => {
    if (!place.current) return undefined
    const terminal = makeTerminal({ scrollback: 200_000, disableStdin: true, convertEol: true, screenReaderMode: true })
    const fit = new FitAddon()
    const search = new SearchAddon()
    terminal.loadAddon(fit)
    terminal.loadAddon(search)
    openIn(terminal, place.current)
    terminal.textarea?.setAttribute('aria-label', label)
    parts.current = { terminal, fit, search }
    return () => {
      parts.current = null
      terminal.dispose()
    }
  }, [label])
  useEffect(() => {
    const at = place.current
    if (!at) return undefined
    const size = () => {
      const all = parts.current
      const proposed = all?.fit.proposeDimensions()
      if (all && proposed) all.terminal.resize(wrap ? proposed.cols : wide_columns, proposed.rows)
    }
    size()
    const sized = new ResizeObserver(size)
    sized.observe(at.parentElement ?? at)
    return () => sized.disconnect()
  }, [wrap, label])
  const { state, error } = useLog(
    item,
    follow,
    bytes => parts.current?.terminal.write(bytes),
    () => parts.current?.terminal.reset(),
  )
  const seek = (text: string, back: boolean) => {
    const { search } = parts.current ?? {}
    if (text === '') search?.clearDecorations()
    setFound(text === '' || (back ? search?.findPrevious(text) : search?.findNext(text)) === true)
  }
  if (error) return <ProblemAlert error={error} />
  return (
    <div className="croft-console">
      <div className="croft-console-bar">
        <SearchInput
          value={sought}
          aria-label={words('log.search')}
          placeholder={words('log.search')}
          onChange={(_, text) => {
            setSought(text)
            seek(text, true)
          }}
          onClear={() => {
            setSought('')
            seek('', false)
          }}
          onSearch={() => seek(sought, true)}
          onPreviousClick={() => seek(sought, true)}
          onNextClick={() => seek(sought, false)}
          previousNavigationButtonAriaLabel={words('log.previous')}
          nextNavigationButtonAriaLabel={words('log.next')}
        />
        <span className="croft-console-state" aria-live="polite">
          <StateLabel tone={tones[state]}>{words(`log.${state}`)}</StateLabel> {!found && words('log.none')}
        </span>
        <Switch label={words('log.follow')} isChecked={follow} onChange={(_, on) => setFollow(on)} />
        <Switch label={words('log.wrap')} isChecked={wrap} onChange={(_, on) => setWrap(on)} />
        <Button
          variant="secondary"
          size="sm"
          onClick={() =>
            download(item).catch((error: unknown) =>
              operations.said(words('log.not_downloaded'), { variant: 'danger', error }),
            )
          }
        >
          {words('log.download')}
        </Button>
      </div>
      {item.host_id === null && <Alert variant="info" isInline title={words('log.host')} />}
      <div className="croft-console-frame">
        <div className="croft-console-place" role="group" aria-label={label}>
          <div ref={place} className={wrap ? undefined : 'croft-log-wide'} />
        </div>
      </div>
    </div>
  )
}

/** Reads, and reads anew after the connection was lost, and when a guest starts again: a log that is followed ends with its guest. */
function useLog(
  { id: instance, started_at }: Instance,
  follow: boolean,
  write: (bytes: Uint8Array) => void,
  clear: () => void,
) {
  const [state, setState] = useState<State>('loading')
  const [error, setError] = useState<unknown>()
  const out = useRef({ write, clear })
  useEffect(() => {
    out.current = { write, clear }
  })
  useEffect(() => {
    const stop = new AbortController()
    const { signal } = stop
    let timer = 0
    const read = async () => {
      try {
        const query = { tail_bytes: shown_bytes, follow }
        const bytes = await client().stream(routes.instance.log, { params: { instance }, query, signal })
        out.current.clear()
        setState(follow ? 'following' : 'loading')
        for await (const part of bytes) out.current.write(part)
        setState('read')
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof ApiProblem && error.status < 500) return setError(error)
        setState('lost')
        timer = window.setTimeout(() => void read(), retry_ms)
      }
    }
    void read()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [instance, follow, started_at])
  return { state, error }
}

async function download({ id, name }: Instance): Promise<void> {
  const parts: BlobPart[] = []
  const query = { tail_bytes: whole_bytes }
  const bytes = await client().stream(routes.instance.log, { params: { instance: id }, query })
  for await (const part of bytes) parts.push(new Uint8Array(part))
  const url = URL.createObjectURL(new Blob(parts, { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${name}-serial.log`
  link.click()
  URL.revokeObjectURL(url)
}
