/** Keys that a browser keeps for itself, to be sent from a menu. */
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core'
import { useState } from 'react'
import type { ShownKind } from '../../model/console.ts'
import { combinations, serialCombinations } from './keys.ts'
import { words } from './text.ts'

export function KeysMenu({
  kind,
  isDisabled,
  onPress,
}: {
  kind: ShownKind
  isDisabled: boolean
  onPress: (keys: readonly string[]) => void
}) {
  const [open, setOpen] = useState(false)
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      isScrollable
      toggle={ref => (
        <MenuToggle ref={ref} size="sm" isExpanded={open} isDisabled={isDisabled} onClick={() => setOpen(!open)}>
          {words('keys')}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {(kind === 'serial' ? serialCombinations : combinations).map(keys => (
          <DropdownItem key={keys.join('-')} onClick={() => onPress(keys)}>
            {keys.join(' + ')}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  )
}
