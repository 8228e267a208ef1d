/** An upload under way, or one that waits for its file: progress, speed, pause, going on. */
import { Alert, Button, Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { Image } from '../../api/image.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { number, size, timeText } from '../parts/time.tsx'
import { usePreferences } from '../session/preferences.ts'
import { type FileMark, isSameFile, markOf, rememberedFile } from './remembered.ts'
import { words } from './text.ts'
import {
  arrivedOf,
  goesOn,
  isUnderWay,
  pauseUpload,
  resumeUpload,
  startUpload,
  type Upload,
  useUpload,
} from './uploads.ts'
import './image.css'

export function UploadCard({ image }: { image: Image }) {
  const upload = useUpload(image.id)
  return (
    <Card>
      <CardTitle component="h2">{words('upload')}</CardTitle>
      <CardBody>{upload ? <UnderWay upload={upload} /> : <Waiting image={image} />}</CardBody>
    </Card>
  )
}

function UnderWay({ upload }: { upload: Upload }) {
  const { image_id, file, phase, sent_bytes, bytes_per_s, error } = upload
  const left_s = bytes_per_s === null ? null : Math.ceil((file.size - sent_bytes) / bytes_per_s)
  const variant = phase === 'failed' ? ('danger' as const) : phase === 'sent' ? ('success' as const) : undefined
  return (
    <div className="croft-stack">
      <ProblemAlert error={error}>{goesOn(upload) && <p>{words('upload.goes_on')}</p>}</ProblemAlert>
      <Progress
        title={file.name}
        value={file.size === 0 ? 100 : Math.floor((100 * sent_bytes) / file.size)}
        {...(variant && { variant })}
      />
      <div className="croft-upload-line">
        <span className="croft-muted" role="status">
          {words(`upload.${phase}`)} · {words('upload.of', { sent: size(sent_bytes), total: size(file.size) })}
          {bytes_per_s !== null && ` · ${size(bytes_per_s)}/s`}
          {left_s !== null && phase === 'sending' && ` · ${timeLeft(left_s)}`}
        </span>
        {isUnderWay(upload) && (
          <Button variant="secondary" size="sm" onClick={() => pauseUpload(image_id)}>
            {words('upload.pause')}
          </Button>
        )}
        {(phase === 'paused' || phase === 'failed') && (
          <Button size="sm" onClick={() => resumeUpload(image_id)}>
            {words('upload.resume')}
          </Button>
        )}
      </div>
      {isUnderWay(upload) && <p className="croft-muted croft-small">{words('upload.leave')}</p>}
    </div>
  )
}

function timeLeft(seconds: number): string {
  return seconds < 60
    ? words('upload.seconds', { n: seconds })
    : words('upload.minutes', { n: Math.ceil(seconds / 60) })
}

function Waiting({ image }: { image: Image }) {
  const input = useRef<HTMLInputElement>(null)
  const { data: state, error } = useQuery({
    queryKey: ['arrived', image.id],
    queryFn: ({ signal }) => arrivedOf(image.id, signal),
  })
  const begun = rememberedFile(image.id)
  const [chosen, setChosen] = useState<File>()
  const { arrived_bytes = 0, size_bytes: expected = null } = state ?? {}
  const take = (file: File | undefined) => {
    if (!file) return
    // As long as nothing has arrived, any file of that length will do.
    const is_it = arrived_bytes === 0 || !begun || isSameFile(begun, markOf(file))
    if (is_it && (expected === null || file.size === expected)) startUpload(image.id, file)
    else setChosen(file)
  }
  return (
    <div className="croft-stack">
      <ProblemAlert error={error} />
      {chosen && expected !== null && chosen.size !== expected ? (
        <Alert isInline variant="danger" role="alert" title={chosen.name}>
          {words('upload.other_size', { size: number(chosen.size), expected: number(expected) })}
        </Alert>
      ) : (
        chosen && begun && <OtherFile chosen={chosen} begun={begun} onYes={() => startUpload(image.id, chosen)} />
      )}
      <Alert isInline isPlain variant="info" title={words('upload.waiting')}>
        {arrived_bytes === 0
          ? words('upload.waiting.first')
          : begun
            ? words('upload.waiting.named', {
                arrived: size(arrived_bytes),
                total: size(begun.size_bytes),
                name: begun.name,
              })
            : words('upload.waiting.again', { arrived: size(arrived_bytes) })}
      </Alert>
      <div>
        <input
          ref={input}
          type="file"
          className="croft-hidden-file"
          aria-label={words('file')}
          onChange={event => {
            take(event.target.files?.[0])
            // The same file may be chosen again.
            event.target.value = ''
          }}
        />
        <Button variant="secondary" onClick={() => input.current?.click()}>
          {words('file.choose')}
        </Button>
      </div>
    </div>
  )
}

/** Of the length that is awaited, and yet by its name or age another one. */
function OtherFile({ chosen, begun, onYes }: { chosen: File; begun: FileMark; onYes(): void }) {
  const { time_zone } = usePreferences()
  const time = (ms: number) => timeText(new Date(ms).toISOString(), time_zone)
  return (
    <Alert
      isInline
      variant="warning"
      role="alert"
      title={words('upload.other_file')}
      actionLinks={
        <Button variant="link" isInline onClick={onYes}>
          {words('upload.other_file.yes')}
        </Button>
      }
    >
      {words('upload.other_file.body', {
        name: begun.name,
        time: time(begun.modified_ms),
        other: chosen.name,
        other_time: time(chosen.lastModified),
      })}
    </Alert>
  )
}
