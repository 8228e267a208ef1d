/** Chooses the file of an image, by button or by dropping it, and takes its checksum at once: what arrives is held against it. */
import { Button, Progress } from '@patternfly/react-core'
import { type DragEvent, useEffect, useRef, useState } from 'react'
import { size } from '../parts/time.tsx'
import type { ChecksumNews } from './checksum-worker.ts'
import { words } from './text.ts'
import './image.css'

interface Props {
  file: File | undefined
  onFile(file: File): void
  onChecksum(sha256: string | undefined): void
}

export function FileField({ file, onFile, onChecksum }: Props) {
  const input = useRef<HTMLInputElement>(null)
  const [over, setOver] = useState(false)
  const { percent, failure, skip } = useChecksum(file, onChecksum)
  // The browser itself keeps the form from going off before, and says why.
  useEffect(() => {
    input.current?.setCustomValidity(file ? (percent === null ? '' : words('checksum.wait')) : words('file.missing'))
  }, [file, percent])
  const take = (chosen: File | undefined) => {
    if (chosen) onFile(chosen)
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    take(event.dataTransfer.files[0])
  }
  return (
    <div
      className={over ? 'croft-drop croft-drop-over' : 'croft-drop'}
      onDragOver={event => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <input
        ref={input}
        id="field-file"
        type="file"
        className="croft-hidden-file"
        onChange={event => take(event.target.files?.[0])}
      />
      <Button variant="secondary" onClick={() => input.current?.click()}>
        {words('file.choose')}
      </Button>
      {file ? (
        <span>
          <strong className="croft-break">{file.name}</strong> <span className="croft-muted">{size(file.size)}</span>
        </span>
      ) : (
        <span className="croft-muted">{words('file.drop')}</span>
      )}
      {percent !== null && (
        <>
          <Progress size="sm" title={words('checksum.busy')} value={percent} />
          <Button variant="link" isInline onClick={skip}>
            {words('checksum.skip')}
          </Button>
        </>
      )}
      {failure !== null && <span role="alert">{words('checksum.failed', { why: failure })}</span>}
    </div>
  )
}

/** `percent` is null when nothing is being reckoned. */
function useChecksum(file: File | undefined, onChecksum: (sha256: string | undefined) => void) {
  const [percent, setPercent] = useState<number | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const worker = useRef<Worker>(undefined)
  const told = useRef(onChecksum)
  told.current = onChecksum
  useEffect(() => {
    if (!file) return
    const running = new Worker(new URL('./checksum-worker.ts', import.meta.url), { type: 'module' })
    worker.current = running
    setPercent(0)
    setFailure(null)
    told.current(undefined)
    const end = (why: string | null) => {
      setPercent(null)
      setFailure(why)
      running.terminate()
    }
    running.addEventListener('message', ({ data }: MessageEvent<ChecksumNews>) => {
      if ('read_bytes' in data) setPercent(Math.floor((100 * data.read_bytes) / Math.max(1, file.size)))
      else if ('failure' in data) end(data.failure)
      else {
        told.current(data.sha256)
        end(null)
      }
    })
    running.addEventListener('error', event => end(event.message))
    running.postMessage(file, {})
    return () => running.terminate()
  }, [file])
  const skip = () => {
    worker.current?.terminate()
    setPercent(null)
  }
  return { percent, failure, skip }
}
