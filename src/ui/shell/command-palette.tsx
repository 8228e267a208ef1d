/** Ctrl-K: go anywhere, make anything, find anything by its name. Made from the registry of nouns; finds as one types. */
import { Modal, ModalBody, TextInput } from '@patternfly/react-core'
import { useQueries } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useState } from 'react'
import { ask } from '../api/read.ts'
import { type Item, labelOf, type NounDefinition } from '../noun/definition.ts'
import { allNouns } from '../noun/registry.ts'
import { addressOf } from '../parts/link.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { usePlaces } from './navigation.tsx'

interface Hit {
  key: string
  kind: string
  title: string
  to: string
}

const hits_per_noun = 5
/** Things are asked for once the hand rests: each noun's list is one request. */
const typing_ms = 150

export function CommandPalette({ onClose }: { onClose(): void }) {
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const id = useId()
  const asked = useDeferredValue(text.trim())
  const rested = useRested(asked)
  const found = useFound(rested)
  const commands = useCommands(asked)
  const hits = rested === asked ? [...found, ...commands] : commands
  const chosen = Math.min(at, hits.length - 1)
  const go = (hit: Hit | undefined) => {
    if (!hit) return
    onClose()
    void navigate({ to: hit.to, search: {} })
  }
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0 && hits.length > 0) {
      event.preventDefault()
      setAt((chosen + step + hits.length) % hits.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      go(hits[chosen])
    }
  }
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
        {hits.length === 0 && <p className="croft-muted">{words('search.none')}</p>}
      </ModalBody>
    </Modal>
  )
}

function useRested(typed: string): string {
  const [rested, setRested] = useState(typed)
  useEffect(() => {
    const timer = setTimeout(() => setRested(typed), typing_ms)
    return () => clearTimeout(timer)
  }, [typed])
  return rested
}

function useCommands(asked: string): Hit[] {
  const session = useSession()
  const places = usePlaces()
  const all: Hit[] = [
    { key: 'home', kind: words('search.go'), title: words('dashboard'), to: '/' },
    ...places.map(({ path, title }) => ({
      key: `go ${path}`,
      kind: words('search.go'),
      title,
      to: `/${path}`,
    })),
    ...allNouns().flatMap(noun =>
      noun.create && may(session, noun.create.route)
        ? [
            {
              key: `create ${noun.path}`,
              kind: words('search.do'),
              title: noun.create.title(),
              to: `/${noun.path}/create`,
            },
          ]
        : [],
    ),
    { key: 'preferences', kind: words('search.go'), title: words('preferences'), to: '/preferences' },
  ]
  const wanted = asked.toLowerCase()
  return all.filter(one => one.title.toLowerCase().includes(wanted))
}

/** Things by a part of their name, of every noun that has names and pages. */
function useFound(asked: string): Hit[] {
  const session = useSession()
  const searched = allNouns().filter(
    (noun): noun is NounDefinition => noun.get !== undefined && !noun.not_searched && may(session, noun.list),
  )
  const answers = useQueries({
    queries: searched.map(noun => ({
      queryKey: ['search', noun.name, asked],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const query = { ...noun.list_query, search: asked, limit: hits_per_noun }
        return ((await ask(noun.list, { query, signal })).body as { items: Item[] }).items
      },
      enabled: asked !== '',
    })),
  })
  return answers.flatMap(({ data }, n) => {
    const noun = searched[n]
    if (!noun || !data) return []
    return data.map(item => ({
      key: `${noun.name} ${item.id}`,
      kind: noun.title(),
      title: labelOf(noun, item),
      to: addressOf(noun.path, item.id),
    }))
  })
}
