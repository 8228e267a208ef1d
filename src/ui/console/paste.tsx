/** A text on its way into the guest: typed, or into the guest's clipboard. */
import {
  Alert,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextArea,
} from '@patternfly/react-core'
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { ShownKind, TypedState } from '../../model/console.ts'
import { number } from '../parts/time.tsx'
import { shownPlace } from './clipboard.tsx'
import { LayoutSelect, useLayout } from './keyboard-choice.tsx'
import { missingIn } from './layouts.ts'
import type { ConsoleSession } from './session.ts'
import { words } from './text.ts'

/** Two minutes of typing, and a good part of a file. */
const most = { graphical: 4000, serial: 200_000 } as const

/** The guest does not read what is typed. */
export function TypedNotice({ typed }: { typed: TypedState }) {
  if (typed === 'taken') return null
  return <Alert variant="warning" isInline isPlain title={words(`typed.${typed}`)} />
}

export function PasteDialog({
  kind,
  session,
  typed,
  whyNoClipboard,
  onClose,
}: {
  kind: ShownKind
  session: RefObject<ConsoleSession | null>
  typed: TypedState
  whyNoClipboard: string | undefined
  onClose: () => void
}) {
  const [text, setText] = useState('')
  const [typing, setTyping] = useState(false)
  const [refused, setRefused] = useState(false)
  const [layout, setLayout] = useState(useLayout() ?? 'us')
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const max = most[kind]
  const too_long = text.length > max
  const missing = kind === 'graphical' && !too_long ? missingIn(layout, text) : []
  const type = async () => {
    setTyping(true)
    await session.current?.type(text, stop.current.signal, layout)
    onClose()
  }
  return (
    <Modal isOpen variant="medium" appendTo={shownPlace} onClose={onClose} aria-labelledby="paste-title">
      <ModalHeader title={words('paste.title')} labelId="paste-title" description={words(`paste.${kind}`)} />
      <ModalBody>
        <Form onSubmit={event => event.preventDefault()}>
          {typing && <TypedNotice typed={typed} />}
          {refused && <Alert variant="warning" isInline isPlain role="alert" title={words('paste.mine.refused')} />}
          <FormGroup label={words('paste.text')} fieldId="paste-text">
            <TextArea
              id="paste-text"
              value={text}
              onChange={(_, value) => setText(value)}
              rows={8}
              autoFocus
              className="croft-mono"
              validated={too_long ? 'error' : 'default'}
            />
            {kind === 'graphical' && whyNoClipboard !== undefined && (
              <FormHelperText>
                <HelperText>
                  <HelperTextItem>{whyNoClipboard}</HelperTextItem>
                </HelperText>
              </FormHelperText>
            )}
            {missing.length > 0 && (
              <FormHelperText>
                <HelperText aria-live="polite">
                  <HelperTextItem variant="warning">
                    {words('paste.missing', { characters: missing.slice(0, 20).join(' ') })}
                  </HelperTextItem>
                </HelperText>
              </FormHelperText>
            )}
            {too_long && (
              <FormHelperText>
                <HelperText>
                  <HelperTextItem variant="error">
                    {words('paste.long', { n: number(text.length), max: number(max) })}
                  </HelperTextItem>
                </HelperText>
              </FormHelperText>
            )}
          </FormGroup>
          {kind === 'graphical' && (
            <FormGroup label={words('paste.layout')} fieldId="paste-layout">
              <LayoutSelect layout={layout} onChoose={setLayout} />
            </FormGroup>
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        {typing ? (
          <Button onClick={onClose}>{words('paste.stop')}</Button>
        ) : (
          <>
            <Button isDisabled={text === '' || too_long} onClick={() => void type()}>
              {words('paste.send')}
            </Button>
            {kind === 'graphical' && whyNoClipboard === undefined && (
              <Button
                variant="secondary"
                isDisabled={text === ''}
                onClick={() => {
                  session.current?.offerClipboard?.(text)
                  onClose()
                }}
              >
                {words('paste.offer')}
              </Button>
            )}
            {'clipboard' in navigator && (
              <Button
                variant="secondary"
                onClick={() => void navigator.clipboard.readText().then(setText, () => setRefused(true))}
              >
                {words('paste.mine')}
              </Button>
            )}
            <Button variant="link" onClick={onClose}>
              {words('cancel')}
            </Button>
          </>
        )}
      </ModalFooter>
    </Modal>
  )
}
