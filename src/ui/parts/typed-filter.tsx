/** A text that a list is filtered by, which asks once one rests from typing. */
import { SearchInput } from '@patternfly/react-core'
import { useEffect, useRef, useState } from 'react'
import { words } from '../text/shared.ts'

const typing_ms = 200

interface Props {
  title: string
  value: string
  onChange(value: string | undefined): void
}

export function TypedFilter({ title, value, onChange }: Props) {
  const [typed, setTyped] = useState(value)
  const asked = useRef(value)
  // What comes from elsewhere, such as filters that are cleared; what was asked here comes back later than one types on.
  useEffect(() => {
    if (value !== asked.current) setTyped(value)
    asked.current = value
  }, [value])
  useEffect(() => {
    if (typed === value) return
    const timer = setTimeout(() => {
      asked.current = typed
      onChange(typed || undefined)
    }, typing_ms)
    return () => clearTimeout(timer)
  }, [typed, value, onChange])
  return (
    <SearchInput
      aria-label={title}
      resetButtonLabel={words('list.search.clear')}
      placeholder={title}
      value={typed}
      onChange={(_, text) => setTyped(text)}
      onClear={() => setTyped('')}
    />
  )
}
