/** Tags of a thing, shown. */
import { Label, LabelGroup } from '@patternfly/react-core'

export function TagList({ tags }: { tags: Readonly<Record<string, string>> }) {
  const all = Object.entries(tags)
  if (all.length === 0) return <>–</>
  return (
    <LabelGroup numLabels={6}>
      {all.map(([key, value]) => (
        <Label key={key} isCompact variant="outline">
          {value === '' ? key : `${key}=${value}`}
        </Label>
      ))}
    </LabelGroup>
  )
}
