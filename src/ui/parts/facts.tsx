/** Facts of a thing: names and values, in as many columns as there is room for. */
import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from '@patternfly/react-core'
import type { ReactNode } from 'react'

export function Facts({
  facts,
}: {
  facts: readonly (readonly [title: string, value: ReactNode] | false | null | undefined)[]
}) {
  return (
    <DescriptionList
      isCompact
      isHorizontal
      horizontalTermWidthModifier={{ default: '12ch' }}
      columnModifier={{ default: '1Col', md: '2Col', '2xl': '3Col' }}
      className="croft-facts"
    >
      {facts.map(
        fact =>
          fact && (
            <DescriptionListGroup key={fact[0]}>
              <DescriptionListTerm>{fact[0]}</DescriptionListTerm>
              <DescriptionListDescription>{fact[1] ?? '–'}</DescriptionListDescription>
            </DescriptionListGroup>
          ),
      )}
    </DescriptionList>
  )
}
