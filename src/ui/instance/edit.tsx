/** Changes an instance's name and tags, and with whom it is placed next. */
import type { Instance } from '../../api/instance.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

/** Of lists of ids. */
const differs = (one: unknown, other: readonly string[]) => JSON.stringify(one) !== JSON.stringify(other)

export default function EditInstance({ item, done }: { item: Instance; done: () => void }) {
  return (
    <FormDialog
      title={words('edit.of', { name: item.name })}
      yes={shared('save')}
      route={routes.instance.update}
      initial={{ name: item.name, tags: item.tags, same_as: item.same_as, different_from: item.different_from }}
      toInput={({ name, tags, same_as = [], different_from = [] }) => ({
        params: { instance: item.id },
        if_match: item.version,
        body: {
          ...{ name, tags },
          ...(differs(same_as, item.same_as) && { same_as }),
          ...(differs(different_from, item.different_from) && { different_from }),
        },
      })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', required: true },
        { name: 'tags', title: words('tags'), kind: 'tags' },
        ...(['same_as', 'different_from'] as const).map(
          name =>
            ({
              name,
              title: words(name),
              kind: 'nouns',
              from: routes.instance.list,
              query: { sort: 'name' },
              help: words('hints.help'),
            }) as const,
        ),
      ]}
      done={done}
    />
  )
}
