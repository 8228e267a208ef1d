/** Whether a user can sign in. */
import type { User } from '../../api/user.ts'
import { EnabledLabel } from '../parts/enabled.tsx'
import { StateLabel } from '../parts/state.tsx'
import { timeText } from '../parts/time.tsx'
import { usePreferences } from '../session/preferences.ts'
import { words } from './text.ts'

export const isLocked = ({ locked_until }: User) => locked_until !== null && Date.parse(locked_until) > Date.now()

export function UserState({ user }: { user: User }) {
  const { time_zone } = usePreferences()
  if (!user.enabled || !isLocked(user)) return <EnabledLabel on={user.enabled} />
  return (
    <StateLabel tone="warn" why={words('locked.why')}>
      {words('locked', { time: timeText(String(user.locked_until), time_zone) })}
    </StateLabel>
  )
}
