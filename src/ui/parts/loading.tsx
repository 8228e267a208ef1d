/** While something is on its way. Shown late, by a style, so that what comes at once does not flicker. */
import { Spinner } from '@patternfly/react-core'
import { words } from '../text/shared.ts'

export function Loading() {
  return (
    <div className="croft-loading">
      <Spinner size="lg" aria-label={words('loading')} />
    </div>
  )
}
