/** Buttons and menus of actions. One that cannot be taken stays in reach of the keyboard and says why. */
import {
  Button,
  Divider,
  Dropdown,
  DropdownItem,
  DropdownList,
  MenuToggle,
  type MenuToggleElement,
  Tooltip,
} from '@patternfly/react-core'
import EllipsisVIcon from '@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon'
import { useNavigate } from '@tanstack/react-router'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { type Action, type Item, labelOf, type NounDefinition } from '../noun/definition.ts'
import { type LeftOut, runAction } from '../noun/run.ts'
import { actionsFor, leftOut, possible, whyNot } from '../noun/why-not.ts'
import { useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { ConfirmDialog } from './confirm.tsx'
import { LazyPart } from './lazy.tsx'
import { menuPlace } from './menu-place.ts'

interface Chosen {
  action: Action<Item>
  items: readonly Item[]
  left_out: readonly LeftOut[]
}

/**
 * `layout`: 'page' shows primary actions as buttons; 'row' and 'bulk' have a menu, and buttons for all. `at`: the menu opens at once, at this
 * button of a long list's own, and calls `onClose` when it is not any more.
 */
export function Actions({
  noun,
  items,
  layout,
  at,
  onClose,
}: {
  noun: NounDefinition
  items: readonly Item[]
  layout: 'page' | 'row' | 'bulk'
  at?: RefObject<HTMLButtonElement | null>
  onClose?(): void
}) {
  const session = useSession()
  const navigate = useNavigate()
  const [opened, setOpened] = useState(false)
  // Drawn closed first: that it opens is what moves the focus into it.
  useEffect(() => {
    if (at) setOpened(true)
  }, [at])
  const setOpen = (next: boolean) => {
    setOpened(next)
    if (!next) onClose?.()
  }
  const [chosen, setChosen] = useState<Chosen>()
  const own = useRef<HTMLButtonElement>(null)
  const menu = at ?? own
  const actions = actionsFor(session, noun)
  const run = ({ action, items, left_out }: Chosen) => {
    setChosen(undefined)
    void runAction(noun, action, items, left_out).then(done => {
      if (done && layout === 'page' && action.leads_to === 'list') void navigate({ to: `/${noun.path}` })
    })
  }
  const choose = (action: Action<Item>) => {
    const what = { action, items: possible(action, items), left_out: leftOut(action, items) }
    if (action.confirm || action.dialog) setChosen(what)
    else run(what)
  }
  const asButtons =
    layout === 'bulk'
      ? actions.filter(one => !one.single && !one.dialog)
      : layout === 'page'
        ? actions.filter(one => one.primary)
        : []
  const inMenu = layout === 'bulk' ? [] : actions.filter(one => !asButtons.includes(one))
  if (actions.length === 0) return null
  const label = layout === 'row' ? words('actions.of', { name: items[0]?.name ?? '' }) : words('actions')
  const toggle = (ref: RefObject<MenuToggleElement | null>) => (
    <MenuToggle
      ref={element => {
        own.current = element as HTMLButtonElement | null
        ref.current = element
      }}
      variant={layout === 'row' ? 'plain' : 'secondary'}
      isExpanded={opened}
      aria-label={label}
      onClick={() => setOpen(!opened)}
    >
      {layout === 'row' ? <EllipsisVIcon /> : words('actions')}
    </MenuToggle>
  )
  return (
    <>
      {asButtons.map(action => (
        <ActionButton
          key={action.id}
          action={action}
          why={whyNot(session, action, items)}
          onClick={() => choose(action)}
        />
      ))}
      {inMenu.length > 0 && (
        <Dropdown
          isOpen={opened}
          shouldFocusFirstItemOnOpen
          onOpenChange={setOpen}
          onSelect={() => setOpen(false)}
          popperProps={menuPlace}
          toggle={at ? { toggleNode: <></>, toggleRef: at } : toggle}
        >
          <DropdownList>
            {inMenu.map((action, n) => {
              const why = whyNot(session, action, items)
              return [
                action.danger && n > 0 && !inMenu[n - 1]?.danger && (
                  <Divider key={`before ${action.id}`} component="li" />
                ),
                <DropdownItem
                  key={action.id}
                  isDanger={action.danger === true && !why}
                  isAriaDisabled={why !== undefined}
                  {...(why && { description: why })}
                  onClick={() => {
                    if (why !== undefined) return
                    // The menu closes: where a dialog gives the focus back to must still be there.
                    menu.current?.focus()
                    choose(action)
                  }}
                >
                  {action.title()}
                </DropdownItem>,
              ]
            })}
          </DropdownList>
        </Dropdown>
      )}
      {chosen?.action.confirm && (
        <ConfirmDialog
          title={chosen.action.confirm.title(chosen.items.length)}
          body={chosen.action.confirm.body(chosen.items)}
          without={chosen.left_out.map(({ item, why }) => `${labelOf(noun, item)}: ${why}`)}
          yes={chosen.action.title()}
          danger={chosen.action.danger === true}
          onYes={() => run(chosen)}
          onNo={() => setChosen(undefined)}
        />
      )}
      {chosen?.action.dialog && chosen.items[0] && (
        <LazyPart load={chosen.action.dialog} props={{ item: chosen.items[0], done: () => setChosen(undefined) }} />
      )}
    </>
  )
}

function ActionButton({ action, why, onClick }: { action: Action<Item>; why: string | undefined; onClick(): void }) {
  const button = (
    <Button
      variant={action.danger ? 'danger' : 'secondary'}
      isAriaDisabled={why !== undefined}
      onClick={() => why === undefined && onClick()}
    >
      {action.title()}
    </Button>
  )
  return why === undefined ? button : <Tooltip content={why}>{button}</Tooltip>
}
