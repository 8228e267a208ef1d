/** What one can say of a list's looks: its columns, and views (filters, order, columns) saved by name on this browser. */
import {
  Button,
  Dropdown,
  DropdownItem,
  DropdownList,
  Form,
  FormGroup,
  Menu,
  MenuContent,
  MenuItem,
  MenuList,
  MenuToggle,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core'
import ColumnsIcon from '@patternfly/react-icons/dist/esm/icons/columns-icon'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import type { NounDefinition } from '../noun/definition.ts'
import type { Search } from '../shell/router.tsx'
import { words } from '../text/shared.ts'
import { menuPlace } from './menu-place.ts'
import type { Columns } from './use-columns.ts'

export function ColumnChoice({ columns }: { columns: Columns }) {
  const [open, setOpen] = useState(false)
  const shown = columns.shown.map(column => column.id)
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      popperProps={menuPlace}
      toggle={ref => (
        <MenuToggle
          ref={ref}
          variant="plain"
          isExpanded={open}
          aria-label={words('columns')}
          title={words('columns')}
          onClick={() => setOpen(!open)}
        >
          <ColumnsIcon />
        </MenuToggle>
      )}
    >
      <Menu
        onSelect={(_, id) =>
          columns.choose(shown.includes(String(id)) ? shown.filter(one => one !== id) : [...shown, String(id)])
        }
      >
        <MenuContent>
          <MenuList>
            {columns.all.slice(1).map(column => (
              <MenuItem key={column.id} itemId={column.id} hasCheckbox isSelected={shown.includes(column.id)}>
                {column.title()}
              </MenuItem>
            ))}
          </MenuList>
        </MenuContent>
      </Menu>
    </Dropdown>
  )
}

interface View {
  name: string
  search: Search
  columns: readonly string[]
}

function readViews(key: string): View[] {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '[]') as View[]
  } catch {
    // Not ours, or storage is forbidden: there are none.
    return []
  }
}

export function SavedViews({ noun, search, columns }: { noun: NounDefinition; search: Search; columns: Columns }) {
  const key = `croft.views.${noun.name}`
  const [views, setViews] = useState(() => readViews(key))
  const [open, setOpen] = useState(false)
  const [naming, setNaming] = useState(false)
  const navigate = useNavigate()
  const keep = (next: View[]) => {
    setViews(next)
    localStorage.setItem(key, JSON.stringify(next))
  }
  return (
    <>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={menuPlace}
        toggle={ref => (
          <MenuToggle ref={ref} variant="plainText" isExpanded={open} onClick={() => setOpen(!open)}>
            {words('views')}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {views.map(view => (
            <DropdownItem
              key={view.name}
              onClick={() => {
                columns.choose(view.columns)
                void navigate({ to: `/${noun.path}`, search: view.search })
              }}
            >
              {view.name}
            </DropdownItem>
          ))}
          <DropdownItem onClick={() => setNaming(true)}>{words('views.save')}</DropdownItem>
          {views.length > 0 && <DropdownItem onClick={() => keep([])}>{words('views.forget')}</DropdownItem>}
        </DropdownList>
      </Dropdown>
      {naming && (
        <NameView
          onClose={() => setNaming(false)}
          onName={name => {
            const view = { name, search, columns: columns.shown.map(column => column.id) }
            keep([...views.filter(one => one.name !== name), view])
            setNaming(false)
          }}
        />
      )}
    </>
  )
}

function NameView({ onName, onClose }: { onName(name: string): void; onClose(): void }) {
  const [name, setName] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (name.trim() !== '') onName(name.trim())
  }
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="view-title">
      <ModalHeader title={words('views.save')} labelId="view-title" />
      <ModalBody>
        <Form id="view-form" noValidate={false} onSubmit={submit}>
          <FormGroup label={words('name')} fieldId="view-name" isRequired>
            <TextInput id="view-name" value={name} onChange={(_, value) => setName(value)} isRequired autoFocus />
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="view-form" isDisabled={name.trim() === ''}>
          {words('save')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {words('cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  )
}
