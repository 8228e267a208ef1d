/** An upload under way, or one that waits for its file: progress, speed, pause, going on. */
import { Alert, Button, Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import type { Image } from '../../api/image.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { size } from '../parts/time.tsx'
import { words } from './text.ts'
import { arrivedBytes, pauseUpload, resumeUpload, startUpload, type Upload, useUpload } from './uploads.ts'
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
      <ProblemAlert error={error} />
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
        {phase === 'sending' && (
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
      {phase === 'sending' && <p className="croft-muted croft-small">{words('upload.leave')}</p>}
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
  const { data: arrived = 0, error } = useQuery({
    queryKey: ['arrived', image.id],
    queryFn: ({ signal }) => arrivedBytes(image.id, signal),
  })
  return (
    <div className="croft-stack">
      <ProblemAlert error={error} />
      <Alert isInline isPlain variant="info" title={words('upload.waiting')}>
        {arrived > 0 ? words('upload.waiting.again', { arrived: size(arrived) }) : words('upload.waiting.first')}
      </Alert>
      <div>
        <input
          ref={input}
          type="file"
          className="croft-hidden-file"
          aria-label={words('file')}
          onChange={event => {
            const [file] = event.target.files ?? []
            if (file) startUpload(image.id, file)
          }}
        />
        <Button variant="secondary" onClick={() => input.current?.click()}>
          {words('file.choose')}
        </Button>
      </div>
    </div>
  )
}
