/** What the guest copied, into the clipboard of this computer: at once where the browser lets a page do that, else by hand. */
import { Button, Modal, ModalBody, ModalHeader, TextArea } from '@patternfly/react-core'
import { useState } from 'react'
import { words } from './text.ts'

/** In full screen nothing else of the page is seen. */
export function shownPlace(): HTMLElement {
  const full = document.fullscreenElement
  return full instanceof HTMLElement ? full : document.body
}

/** Browsers have a clipboard only for pages that came by HTTPS or from this computer, and with the user's leave. */
export function CopyButton({ text }: { text: string }) {
  const [done, setDone] = useState('')
  const [by_hand, setByHand] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setDone(text)
    } catch {
      setByHand(true)
    }
  }
  return (
    <>
      <Button variant="secondary" size="sm" onClick={() => void copy()}>
        {words(done === text ? 'clipboard.copied' : 'clipboard.copy')}
      </Button>
      {by_hand && (
        <Modal
          isOpen
          variant="medium"
          appendTo={shownPlace}
          onClose={() => setByHand(false)}
          aria-labelledby="copy-title"
        >
          <ModalHeader title={words('clipboard')} labelId="copy-title" description={words('clipboard.by_hand')} />
          <ModalBody>
            <TextArea
              aria-label={words('clipboard')}
              className="croft-mono"
              readOnlyVariant="default"
              rows={8}
              value={text}
              autoFocus
              onFocus={event => event.currentTarget.select()}
            />
          </ModalBody>
        </Modal>
      )}
    </>
  )
}
