/** Fields of a form that have a sensible default: shown when they are asked for. */
import { ExpandableSection } from '@patternfly/react-core'
import { type ReactNode, useEffect, useState } from 'react'
import { words } from '../text/shared.ts'

/** Folded away until asked for, or until something in it is wrong: what is out of sight cannot be put right. */
export function More({ form, faulty, children }: { form: string; faulty: boolean; children: ReactNode }) {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    if (faulty) setOpen(true)
  }, [faulty])
  const unfold = () => {
    if (open) return
    setOpen(true)
    // The browser points at it once it can be seen.
    requestAnimationFrame(() => {
      const element = document.getElementById(form)
      if (element instanceof HTMLFormElement) element.reportValidity()
    })
  }
  return (
    <ExpandableSection
      toggleText={words('form.more')}
      isExpanded={open}
      onToggle={(_, expanded) => setOpen(expanded)}
      onInvalidCapture={unfold}
    >
      <div className="croft-stack">{children}</div>
    </ExpandableSection>
  )
}
