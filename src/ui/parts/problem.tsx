/** What went wrong, as the API tells it: what, why, what to do, and the request's id to ask the operator about. */
import { Alert, Button, ClipboardCopy, List, ListItem } from '@patternfly/react-core'
import { ApiProblem, ConnectionFailed } from '../../sdk/errors.ts'
import { words } from '../text/shared.ts'

export function titleOf(error: unknown): string {
  if (error instanceof ApiProblem) return words.maybe(`error.${error.code}`) ?? error.title
  if (error instanceof ConnectionFailed) return words('error.connection')
  return words('error.unexpected')
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Faults of single fields, where the answer names them. */
function faultsOf(error: unknown): string[] {
  const faults = error instanceof ApiProblem ? error.document.faults : undefined
  if (!Array.isArray(faults)) return []
  return faults.map(fault => (typeof fault === 'string' ? fault : Object.values(fault as object).join(' ')))
}

export function ProblemAlert({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  if (!error) return null
  const request_id = error instanceof ApiProblem ? error.request_id : ''
  const faults = faultsOf(error).filter(fault => !sentenceOf(error).includes(fault))
  return (
    <Alert
      variant="danger"
      isInline
      title={titleOf(error)}
      className="croft-problem"
      role="alert"
      actionLinks={
        onRetry && (
          <Button variant="link" isInline onClick={onRetry}>
            {words('retry')}
          </Button>
        )
      }
    >
      <p>{sentenceOf(error)}</p>
      {faults.length > 0 && (
        <List>
          {faults.map(fault => (
            <ListItem key={fault}>{fault}</ListItem>
          ))}
        </List>
      )}
      {request_id && (
        <p className="croft-request">
          {words('error.request')}{' '}
          <ClipboardCopy variant="inline-compact" isCode hoverTip={words('copy')} clickTip={words('copied')}>
            {request_id}
          </ClipboardCopy>
        </p>
      )}
    </Alert>
  )
}
