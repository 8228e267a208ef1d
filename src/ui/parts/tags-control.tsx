/** Tags as a form has them. */
import { Button, InputGroup, InputGroupItem, TextInput } from '@patternfly/react-core'
import { useState } from 'react'
import { words } from '../text/shared.ts'

/** Pairs, as rows of two inputs. An unfinished row is kept here until its key is there. */
export function TagsControl({
  id,
  value,
  onChange,
}: {
  id: string
  value: Readonly<Record<string, string>>
  onChange(tags: Record<string, string>): void
}) {
  const [rows, setRows] = useState<readonly (readonly [string, string])[]>(() => Object.entries(value))
  const change = (next: readonly (readonly [string, string])[]) => {
    setRows(next)
    onChange(Object.fromEntries(next.filter(([key]) => key !== '')))
  }
  return (
    <div className="croft-stack" id={id}>
      {rows.map(([key, text], n) => (
        <InputGroup key={n}>
          <InputGroupItem isFill>
            <TextInput
              aria-label={words('tags.key')}
              placeholder={words('tags.key')}
              value={key}
              onChange={(_, typed) => change(rows.with(n, [typed, text]))}
            />
          </InputGroupItem>
          <InputGroupItem isFill>
            <TextInput
              aria-label={words('tags.value')}
              placeholder={words('tags.value')}
              value={text}
              onChange={(_, typed) => change(rows.with(n, [key, typed]))}
            />
          </InputGroupItem>
          <InputGroupItem>
            <Button variant="control" onClick={() => change(rows.toSpliced(n, 1))}>
              {words('remove')}
            </Button>
          </InputGroupItem>
        </InputGroup>
      ))}
      <div>
        <Button variant="link" isInline onClick={() => change([...rows, ['', '']])}>
          {words('tags.add')}
        </Button>
      </div>
    </div>
  )
}
