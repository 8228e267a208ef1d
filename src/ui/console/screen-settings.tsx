/** How an instance's screen is reached and whether its clipboard is shared, from its next start on; and the way in by SPICE. */
import { Button, Card, CardBody, CardTitle, ClipboardCopy } from '@patternfly/react-core'
import { useState } from 'react'
import type { Instance } from '../../api/instance.ts'
import { clipboardKinds, graphicsKinds, videoModels } from '../../model/graphics.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type FormField } from '../parts/form.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './text.ts'

/** Also in the form that makes an instance. */
export const screenFields = (): FormField[] => [
  {
    name: 'graphics',
    title: words('graphics'),
    kind: 'choice',
    options: graphicsKinds.map(value => ({ value, title: words(`graphics.${value}`) })),
    help: words('graphics.help'),
  },
  {
    name: 'clipboard',
    title: words('clipboard.field'),
    kind: 'choice',
    options: clipboardKinds.map(value => ({ value, title: words(`clipboard.${value}`) })),
    help: words('clipboard.help'),
  },
  {
    name: 'video_model',
    title: words('video_model'),
    kind: 'choice',
    options: videoModels.map(value => ({ value, title: value })),
    help: words('video_model.help'),
  },
]

export function ScreenSettings({ item }: { item: Instance }) {
  const session = useSession()
  const [open, setOpen] = useState(false)
  if (!may(session, routes.instance.update)) return null
  const { graphics, clipboard, video_model } = item
  return (
    <>
      <Button variant="secondary" size="sm" onClick={() => setOpen(true)}>
        {words('settings')}
      </Button>
      {open && (
        <FormDialog
          title={words('settings.of', { name: item.name })}
          yes={words('settings.save')}
          route={routes.instance.update}
          initial={{ graphics, clipboard, video_model }}
          toInput={body => ({ params: { instance: item.id }, body, if_match: item.version })}
          fields={screenFields().map(field => ({ ...field, required: true }))}
          done={() => setOpen(false)}
        />
      )}
    </>
  )
}

/** The page speaks SPICE by itself; a program on one's own computer does more. */
export function SpiceWay({ item }: { item: Instance }) {
  if (item.graphics !== 'spice') return null
  return (
    <Card isCompact>
      <CardTitle component="h2">{words('spice')}</CardTitle>
      <CardBody className="croft-stack">
        <p className="croft-muted">{words('spice.about')}</p>
        <ClipboardCopy
          isReadOnly
          hoverTip={words('spice.copy')}
          clickTip={words('spice.copy')}
          textAriaLabel={words('spice.command')}
        >
          {`croft instance console ${item.name} --spice`}
        </ClipboardCopy>
      </CardBody>
    </Card>
  )
}
