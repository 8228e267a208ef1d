/** Whom an image is shared with, and what they said to it; a project that it is shared with answers here. */
import { Card, CardBody } from '@patternfly/react-core'
import type { Image, ImageMember } from '../../api/image.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import ShareImage from './share.tsx'
import { isOurs, whyNotOurs } from './shared.ts'
import { words } from './text.ts'

const tones = { pending: 'warn', accepted: 'good', rejected: 'off' } as const

export default function ImageMembers({ item }: { item: Image }) {
  const { data, error } = useRead(
    routes.image.members,
    { params: { image: item.id } },
    { follows: ['image'], of: item.id },
  )
  const ours = isOurs(item)
  const everyone = item.visibility === 'public' || item.visibility === 'community'
  const why_not = everyone
    ? words('why_not.share', { visibility: words(`visibility.${item.visibility}`) })
    : whyNotOurs(item)
  return (
    <Card>
      <CardBody>
        <div className="croft-stack">
          <p className="croft-muted">{words(ours ? 'members.about' : 'members.about_others')}</p>
          <ProblemAlert error={error} />
          {ours && (
            <div>
              <DialogButton
                title={words('share')}
                route={routes.image.share}
                whyNot={why_not}
                dialog={done => <ShareImage item={item} done={done} />}
              />
            </div>
          )}
          <SimpleTable
            label={words('members')}
            items={data?.items}
            keyOf={one => one.project_id}
            empty={words('members.none')}
            columns={[
              { title: words('project'), cell: one => <NameOf noun="project" id={one.project_id} /> },
              {
                title: words('answer'),
                cell: one => <StateLabel tone={tones[one.status]}>{words(`member.${one.status}`)}</StateLabel>,
              },
              { title: words('answered'), cell: one => <Time at={one.answered_at} /> },
              {
                title: shared('actions'),
                cell: one => (ours ? <Unshare image={item} member={one} /> : <Answer image={item} member={one} />),
              },
            ]}
          />
        </div>
      </CardBody>
    </Card>
  )
}

function Unshare({ image, member: { project_id } }: { image: Image; member: ImageMember }) {
  return (
    <CallButton
      title={words('unshare')}
      label={words('unshare.of', { name: image.name })}
      route={routes.image.unshare}
      input={{ params: { image: image.id, project: project_id } }}
      confirm={{ title: words('unshare.of', { name: image.name }), body: words('unshare.body') }}
      danger
    />
  )
}

function Answer({ image, member: { status } }: { image: Image; member: ImageMember }) {
  return (
    <span className="croft-head-actions">
      {(['accepted', 'rejected'] as const).map(next => (
        <CallButton
          key={next}
          title={words(`answer.${next}`)}
          label={`${words(`answer.${next}`)}: ${image.name}`}
          route={routes.image.answer}
          input={{ params: { image: image.id }, body: { status: next } }}
          whyNot={status === next ? words('why_not.answered') : undefined}
        />
      ))}
    </span>
  )
}
