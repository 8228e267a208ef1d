/** The form that makes an image: from a file here, which is uploaded, or from an address that the controller fetches. */
import { Button, Radio, TextArea } from '@patternfly/react-core'
import { useRef, useState } from 'react'
import type { imageRoutes } from '../../api/image.ts'
import type { ReplyOf } from '../../api/route.ts'
import { routes } from '../api/routes.ts'
import { base64Of } from '../parts/base64.ts'
import { CreatePage, type FormField, plainInput, type Values } from '../parts/form.tsx'
import { addressOf } from '../parts/link.tsx'
import { image } from './definition.tsx'
import { FileField } from './file-field.tsx'
import { propertyFields, visibilityField, withProperties } from './shared.ts'
import { words } from './text.ts'
import { startUpload } from './uploads.ts'

const by_address = (values: Values) => values.source === 'url'

function toInput({ source, file, source_url, ...rest }: Values) {
  return plainInput({
    ...withProperties(rest),
    ...(source === 'url' ? { source_url } : { size_bytes: (file as File | undefined)?.size }),
  })
}

export default function CreateImage() {
  const chosen = useRef<File>(undefined)
  return (
    <CreatePage
      noun={image}
      route={routes.image.create}
      initial={{ source: 'file' }}
      toInput={toInput}
      after={body => {
        const { image: made, upload_url } = body as ReplyOf<typeof imageRoutes.create>
        if (upload_url !== null && chosen.current) startUpload(made.id, chosen.current)
        return addressOf(image.path, made.id)
      }}
      fields={[
        { name: 'source', title: words('source'), kind: 'own', draw: drawSource },
        {
          name: 'file',
          title: words('file'),
          kind: 'own',
          required: true,
          help: words('file.help'),
          when: values => !by_address(values),
          draw: (values, set) => (
            <FileField
              file={values.file as File | undefined}
              onFile={file => {
                chosen.current = file
                set('file', file)
                if (!values.name) set('name', nameOf(file))
              }}
              onChecksum={sha256 => set('sha256', sha256)}
            />
          ),
        },
        {
          name: 'source_url',
          title: words('source_url'),
          kind: 'text',
          required: true,
          help: words('source_url.help'),
          when: by_address,
        },
        { name: 'name', title: words('name'), kind: 'text' },
        visibilityField(),
        { name: 'sha256', title: words('sha256'), kind: 'text', help: words('sha256.help') },
      ]}
      more={more()}
    />
  )
}

function more(): FormField[] {
  return [
    { name: 'signature', title: words('signature'), kind: 'own', help: words('signature.help'), draw: drawSignature },
    {
      name: 'signing_key',
      title: words('signing_key'),
      kind: 'noun',
      from: routes['image-key'].list,
      query: { sort: 'name' },
    },
    {
      name: 'signature_algorithm',
      title: words('signature_algorithm'),
      kind: 'choice',
      empty: words('signature_algorithm.of_key'),
    },
    { name: 'min_disk_gib', title: words('min_disk'), kind: 'number', unit: 'GiB' },
    { name: 'min_memory_mib', title: words('min_memory'), kind: 'number', unit: 'MiB' },
    ...propertyFields(),
    { name: 'tags', title: words('tags'), kind: 'tags' },
    { name: 'protected', title: words('protected'), kind: 'yes', help: words('protected.help') },
  ]
}

/** As the contract takes names: without what a file's name may have beyond. */
function nameOf({ name }: File): string {
  return name
    .replace(/\.(qcow2|img|raw|iso|vmdk|vdi|gz|xz|zst)$/i, '')
    .replace(/[^A-Za-z0-9 ._@+-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
}

function drawSource(values: Values, set: (name: string, value: unknown) => void) {
  return (
    <div className="croft-checks" role="radiogroup" aria-label={words('source')} id="field-source">
      {(['file', 'url'] as const).map(one => (
        <Radio
          key={one}
          id={`source-${one}`}
          name="source"
          label={words(`source.${one}`)}
          isChecked={(values.source ?? 'file') === one}
          onChange={() => {
            set('source', one)
            // Of the file, not of what is fetched.
            set('sha256', undefined)
          }}
        />
      ))}
    </div>
  )
}

function drawSignature(values: Values, set: (name: string, value: unknown) => void) {
  return (
    <Signature
      value={typeof values.signature === 'string' ? values.signature : ''}
      set={text => set('signature', text)}
    />
  )
}

/** Typed in base64, or from the file that openssl wrote. */
function Signature({ value, set }: { value: string; set(text: string): void }) {
  const input = useRef<HTMLInputElement>(null)
  const [failure, setFailure] = useState<string>()
  const read = (file: File | undefined) => {
    file?.bytes().then(
      bytes => set(signatureIn(bytes)),
      (error: unknown) => setFailure(String(error)),
    )
  }
  return (
    <div className="croft-stack">
      <TextArea id="field-signature" rows={3} value={value} onChange={(_, text) => set(text.replaceAll(/\s/g, ''))} />
      <div>
        <input
          ref={input}
          type="file"
          className="croft-hidden-file"
          aria-label={words('signature.file')}
          onChange={event => read(event.target.files?.[0])}
        />
        <Button variant="link" isInline onClick={() => input.current?.click()}>
          {words('signature.file')}
        </Button>
        {failure && <span role="alert"> {failure}</span>}
      </div>
    </div>
  )
}

/** In base64; of a file that holds base64 already, just that. */
function signatureIn(bytes: Uint8Array): string {
  const text = new TextDecoder('latin1').decode(bytes).replaceAll(/\s/g, '')
  if (/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text) && text.length % 4 === 0) return text
  return base64Of(bytes)
}
