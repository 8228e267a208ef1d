/** The permissions of a role in groups, with what each lets one do: to read, or to choose. */
import { Checkbox, Tooltip } from '@patternfly/react-core'
import type { Permission } from '../../model/permissions.ts'
import { useSession } from '../session/session.ts'
import { permissionGroups } from './groups.ts'
import { permissionWords as words } from './permission-text.ts'
import './role.css'

interface Props {
  chosen: readonly string[]
  /** Without it they are only shown. */
  onChange?: (chosen: Permission[]) => void
}

export function PermissionGroups({ chosen, onChange }: Props) {
  const session = useSession()
  const held = new Set<string>(session.permissions.system)
  return (
    <div className="croft-permissions">
      {[...permissionGroups].map(([group, all]) => {
        const shown = onChange ? all : all.filter(one => chosen.includes(one))
        if (shown.length === 0) return null
        const can = all.filter(one => held.has(one))
        const full = can.length > 0 && can.every(one => chosen.includes(one))
        const some = all.some(one => chosen.includes(one))
        const others = chosen.filter(one => !all.includes(one as Permission)) as Permission[]
        return (
          <fieldset key={group}>
            <legend>
              {onChange ? (
                <Checkbox
                  id={`group-${group}`}
                  label={words.maybe(`group.${group}`) ?? group}
                  isChecked={full ? true : some ? null : false}
                  onChange={() => onChange(full ? others : [...others, ...can])}
                />
              ) : (
                (words.maybe(`group.${group}`) ?? group)
              )}
            </legend>
            {shown.map(one =>
              onChange ? (
                <Choice
                  key={one}
                  permission={one}
                  held={held.has(one)}
                  on={chosen.includes(one)}
                  onChange={on =>
                    onChange((on ? [...chosen, one] : chosen.filter(other => other !== one)) as Permission[])
                  }
                />
              ) : (
                <div key={one} className="croft-permission">
                  <strong>{words(one)}</strong>
                  <span className="croft-muted">{words(`${one}.help`)}</span>
                </div>
              ),
            )}
          </fieldset>
        )
      })}
    </div>
  )
}

function Choice({
  permission,
  held,
  on,
  onChange,
}: {
  permission: Permission
  held: boolean
  on: boolean
  onChange(on: boolean): void
}) {
  const box = (
    <Checkbox
      id={`permission-${permission}`}
      label={words(permission)}
      description={words(`${permission}.help`)}
      isChecked={on}
      isDisabled={!held && !on}
      onChange={(_, next) => onChange(next)}
    />
  )
  return held ? box : <Tooltip content={words('not_held')}>{<div>{box}</div>}</Tooltip>
}
