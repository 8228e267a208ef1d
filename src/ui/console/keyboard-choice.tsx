/** Which keyboard the guest has: chosen once, kept for this browser. */
import { FormSelect, FormSelectOption, FormSelectOptionGroup } from '@patternfly/react-core'
import { prefer, usePreferences } from '../session/preferences.ts'
import { type LayoutId, layoutIds, layoutTitle } from './layouts.ts'
import { words } from './text.ts'

const layoutOf = (text: string): LayoutId | null => layoutIds.find(id => id === text) ?? null

/** Null: what is before the page is also set in the guest. */
export function useLayout(): LayoutId | null {
  return layoutOf(usePreferences().console_layout)
}

export function KeyboardChoice({ layout }: { layout: LayoutId | null }) {
  return (
    <FormSelect
      className="croft-console-keyboard"
      aria-label={words('keyboard')}
      value={layout ?? ''}
      onChange={(_, text) => prefer({ console_layout: text })}
    >
      <FormSelectOption value="" label={words('keyboard.places')} />
      <FormSelectOptionGroup label={words('keyboard.characters')}>
        {layoutIds.map(id => (
          <FormSelectOption key={id} value={id} label={layoutTitle(id)} />
        ))}
      </FormSelectOptionGroup>
    </FormSelect>
  )
}

/** For a text that is to be typed: there is always one. */
export function LayoutSelect({ layout, onChoose }: { layout: LayoutId; onChoose: (layout: LayoutId) => void }) {
  return (
    <FormSelect id="paste-layout" value={layout} onChange={(_, text) => onChoose(layoutOf(text) ?? 'us')}>
      {layoutIds.map(id => (
        <FormSelectOption key={id} value={id} label={layoutTitle(id)} />
      ))}
    </FormSelect>
  )
}
