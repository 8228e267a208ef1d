/** A few operations in a card: what was asked, on what, how it stands, and one more column. */
import type { ReactNode } from 'react'
import type { Operation } from '../../api/operation.ts'
import { ThingLink } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { kindText, OperationState, OperationThing } from './state.tsx'
import { words } from './text.ts'

interface Props {
  label: string
  operations: readonly Operation[] | undefined
  empty: string
  last: { title: string; cell(one: Operation): ReactNode }
}

export function OperationTable({ label, operations, empty, last }: Props) {
  return (
    <SimpleTable
      label={label}
      items={operations}
      keyOf={one => one.id}
      empty={empty}
      columns={[
        {
          title: words('kind'),
          cell: one => (
            <ThingLink noun="operation" id={one.id}>
              {kindText(one.kind)}
            </ThingLink>
          ),
        },
        { title: words('thing'), cell: one => <OperationThing operation={one} /> },
        { title: words('state'), cell: one => <OperationState operation={one} /> },
        last,
      ]}
    />
  )
}
