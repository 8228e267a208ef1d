/** The serial log: what the guest wrote, with its colours; search, follow, wrap, download. xterm draws it, so it is all there at once. */
import { Alert, Button, SearchInput, Switch } from '@patternfly/react-core'
import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import type { Terminal } from '@xterm/xterm'
import { useEffect, useRef, useState } from 'react'
import type { Instance } from '../../api/instance.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { routes } from '../api/routes.ts'
import { ProblemAlert, sentenceOf } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { client } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import './console.css'
import { useLog } from './log-reader.ts'
import { words } from './text.ts'
import { makeTerminal, openIn } from './xterm.ts'

const whole_bytes = 8 * 1024 * 1024
const wide_columns = 400
const matches_max = 1000
/** On the terminal's own dark ground. */
const marked = {
  decorations: {
    ...{ matchBackground: '#5b4a12', matchOverviewRuler: '#c79a1e' },
    ...{ activeMatchBackground: '#8a6a0a', activeMatchBorder: '#ffd866', activeMatchColorOverviewRuler: '#ffd866' },
  },
}

const tones = { loading: 'busy', following: 'good', read: 'off', lost: 'warn' } as const

export default function SerialLog({ item }: { item: Instance }) {
  const place = useRef<HTMLDivElement>(null)
  const parts = useRef<{ terminal: Terminal; fit: FitAddon; search: SearchAddon } | null>(null)
  const [follow, setFollow] = useState(true)
  const [wrap, setWrap] = useState(true)
  const [sought, setSought] = useState('')
  const [found, setFound] = useState(true)
  const [matches, setMatches] = useState({ at: -1, count: 0 })
  const box = useRef<HTMLInputElement>(null)
  const label = words('log.of', { name: item.name })
  useEffect(() => {
    if (!place.current) return undefined
    const terminal = makeTerminal({
      ...{ scrollback: 200_000, disableStdin: true, convertEol: true, screenReaderMode: true },
      // Marks of what is found.
      allowProposedApi: true,
    })
    const fit = new FitAddon()
    const search = new SearchAddon({ highlightLimit: matches_max })
    search.onDidChangeResults(({ resultIndex, resultCount }) => setMatches({ at: resultIndex, count: resultCount }))
    terminal.loadAddon(fit)
    terminal.loadAddon(search)
    openIn(terminal, place.current)
    terminal.textarea?.setAttribute('aria-label', label)
    terminal.attachCustomKeyEventHandler(event => {
      const seeks = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'f'
      // The browser's own search does not find what the terminal draws.
      if (seeks) event.preventDefault()
      if (seeks && event.type === 'keydown') box.current?.focus()
      // Nothing is typed here: Tab goes on through the page.
      return !seeks && event.key !== 'Tab'
    })
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
  const { state, why, error } = useLog(item, follow, {
    write: bytes => parts.current?.terminal.write(bytes),
    clear: () => parts.current?.terminal.reset(),
  })
  const seek = (text: string, back: boolean) => {
    const { search } = parts.current ?? {}
    if (text === '') search?.clearDecorations()
    const found = back ? search?.findPrevious(text, marked) : search?.findNext(text, marked)
    setFound(text === '' || found === true)
  }
  if (error) return <ProblemAlert error={error} />
  return (
    <div className="croft-console">
      <div className="croft-console-bar">
        <SearchInput
          ref={box}
          value={sought}
          resultsCount={sought === '' || !found ? undefined : countText(matches)}
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
      {/* That it broke is said above; what the controller says of it, such as that the host cannot show it, helps more. */}
      {state === 'lost' && why instanceof ApiProblem && (
        <Alert variant="warning" isInline isPlain title={sentenceOf(why)} />
      )}
      {item.host_id === null && <Alert variant="info" isInline title={words('log.host')} />}
      <div className="croft-console-frame">
        <div className="croft-console-place" role="group" aria-label={label}>
          <div ref={place} className={wrap ? undefined : 'croft-log-wide'} />
        </div>
      </div>
    </div>
  )
}

/** Which of how many; of too many not which. */
function countText({ at, count }: { at: number; count: number }): string {
  if (count >= matches_max) return words('log.many', { n: matches_max })
  return words('log.at', { at: at + 1, n: count })
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
