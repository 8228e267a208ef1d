/** Ctrl-K: find anything, go anywhere, do anything, with the keyboard alone. What there is to choose from: palette-hits.ts. */
import { Modal, ModalBody, TextInput } from '@patternfly/react-core'
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useState } from 'react'
import { routes } from '../api/routes.ts'
import { runAction } from '../noun/run.ts'
import { FoldedCalls } from '../parts/api-call.tsx'
import { quoted } from '../parts/command-text.ts'
import { ConfirmDialog } from '../parts/confirm.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { words } from '../text/shared.ts'
import { type Hit, type Hits, useHits } from './palette-hits.ts'

type Deed = Extract<Hit['does'], { action: unknown }>

/** An action of which more is to be asked takes the palette's place. */
export function CommandPalette({ onClose }: { onClose(): void }) {
  const [asking, setAsking] = useState<Deed>()
  if (asking?.action.dialog)
    return <LazyPart load={asking.action.dialog} props={{ item: asking.item, done: onClose }} />
  if (asking?.action.confirm)
    return (
      <ConfirmDialog
        title={asking.action.confirm.title(1)}
        body={asking.action.confirm.body([asking.item])}
        yes={asking.action.title()}
        danger={asking.action.danger === true}
        onYes={() => {
          onClose()
          void runAction(asking.noun, asking.action, [asking.item])
        }}
        onNo={onClose}
      />
    )
  return <Palette onClose={onClose} onAsk={setAsking} />
}

function Palette({ onClose, onAsk }: { onClose(): void; onAsk(deed: Deed): void }) {
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  /** Enter was pressed before what is typed had been looked for: who types fast means the first of what comes. */
  const [hasty, setHasty] = useState(false)
  const id = useId()
  const shown = useDeferredValue(text.trim())
  const { hits, settled: found, query, error } = useHits(shown)
  const settled = found && shown === text.trim()
  const chosen = Math.min(at, hits.length - 1)
  const go = (hit: Hit | undefined) => {
    if (!hit) return
    const { does } = hit
    if ('action' in does && (does.action.dialog || does.action.confirm)) return onAsk(does)
    onClose()
    if ('to' in does) void navigate({ to: does.to, search: {} })
    else if ('run' in does) does.run()
    else void runAction(does.noun, does.action, [does.item])
  }
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0 && hits.length > 0) {
      event.preventDefault()
      setAt((chosen + step + hits.length) % hits.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      if (settled || chosen > 0) go(hits[chosen])
      else setHasty(true)
    } else setHasty(false)
  }
  useEffect(() => {
    if (!hasty || !settled) return
    setHasty(false)
    go(hits[chosen])
  })
  return (
    <Modal
      isOpen
      variant="medium"
      position="top"
      onClose={onClose}
      aria-label={words('search')}
      className="croft-palette"
    >
      <ModalBody>
        <TextInput
          autoFocus
          type="search"
          role="combobox"
          aria-expanded={hits.length > 0}
          aria-controls={`${id}-hits`}
          aria-activedescendant={hits[chosen] ? `${id}-${chosen}` : undefined}
          aria-label={words('search')}
          placeholder={words('search.placeholder')}
          value={text}
          onChange={(_, value) => {
            setText(value)
            setAt(0)
          }}
          onKeyDown={onKey}
        />
        <div role="listbox" id={`${id}-hits`} aria-label={words('search.hits')} className="croft-hits">
          {hits.map((hit, n) => (
            // The keyboard is the input's: the list is moved through by aria-activedescendant.
            <div
              key={hit.key}
              id={`${id}-${n}`}
              role="option"
              tabIndex={-1}
              aria-selected={n === chosen}
              className="croft-hit"
              ref={element => {
                if (n === chosen) element?.scrollIntoView({ block: 'nearest' })
              }}
              onMouseMove={() => setAt(n)}
              onClick={() => go(hit)}
              onKeyDown={() => undefined}
            >
              <span>{hit.title}</span>
              <span className="croft-muted">{hit.kind}</span>
            </div>
          ))}
        </div>
        <ProblemAlert error={error} />
        {hits.length === 0 && !error && <p className="croft-muted">{words('search.none')}</p>}
        {query.text !== '' && (
          <FoldedCalls
            calls={[{ route: routes.search.find, input: { query: { ...query } }, command: commandOf(query) }]}
          />
        )}
      </ModalBody>
    </Modal>
  )
}

const commandOf = ({ text, all_projects }: Hits['query']) =>
  [
    'croft search',
    ...(all_projects ? ['--all-projects'] : []),
    ...(text.startsWith('-') ? ['--'] : []),
    quoted(text),
  ].join(' ')
