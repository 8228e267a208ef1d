/** A text to be copied as it is: a command, a key, a secret. */
import { ClipboardCopy } from '@patternfly/react-core'
import { words } from '../text/shared.ts'

/** `label`: what it is, for those who do not see where it stands. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <ClipboardCopy
      isReadOnly
      isCode
      isBlock
      variant="inline"
      hoverTip={words('copy')}
      clickTip={words('copied')}
      copyAriaLabel={words('copy')}
      textAriaLabel={label}
    >
      {text}
    </ClipboardCopy>
  )
}
