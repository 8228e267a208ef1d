/** Sets a password: another's as administrator, or one's own with the old one. */
import type { User } from '../../api/user.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function SetPassword({ item, done }: { item: Pick<User, 'id'>; done: () => void }) {
  const own = useSession().user.id === item.id
  return (
    <FormDialog
      title={words('set_password')}
      yes={shared('save')}
      route={routes.user.password}
      fields={[
        ...(own
          ? [{ name: 'old_password', title: words('password.old'), kind: 'password' as const, required: true }]
          : []),
        { name: 'password', title: words('password.new'), kind: 'password', help: words('password.new.help') },
      ]}
      toInput={body => ({ params: { user: item.id }, body })}
      done={done}
    />
  )
}
