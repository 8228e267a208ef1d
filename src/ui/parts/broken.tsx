/** In place of a page that cannot be drawn: its code is not there any more, as after an upgrade of Croft while it was open, or has a mistake. */
import { Alert, Button } from '@patternfly/react-core'
import { words } from '../text/shared.ts'
import { sentenceOf } from './problem.tsx'

export function Broken({ error }: { error: unknown }) {
  return (
    <Alert
      variant="danger"
      isInline
      role="alert"
      title={words('broken.title')}
      actionLinks={
        <Button variant="link" isInline onClick={() => location.reload()}>
          {words('broken.reload')}
        </Button>
      }
    >
      <p>{words('broken.body')}</p>
      <p className="croft-muted croft-small">{sentenceOf(error)}</p>
    </Alert>
  )
}
