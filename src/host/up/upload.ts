/** Gives an image file to the API: makes the image, then sends its content by the tus protocol (tus.io, version 1.0.0). */
import { createReadStream } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import type { BuiltImage } from '../../images/recipe.ts'
import type { Api, ApiPlace } from '../api.ts'
import { HostError } from '../error.ts'
import type { Upload } from './image.ts'

type Made = { image: { id: string }; upload_url: string | null }

export const uploadImage: Upload = async (api, image, show) => {
  const made = await api.call<Made>('POST', '/v1/images', {
    name: image.name,
    visibility: 'public',
    size_bytes: image.size_bytes,
    sha256: image.sha256,
    min_memory_mib: image.min_memory_mib,
    properties: { architecture: 'x86_64', os: image.name, user: 'root' },
  })
  await sendContent(api, made, image)
  show('checking')
  return made.image.id
}

async function sendContent(api: Api, made: Made, image: BuiltImage): Promise<void> {
  const url = new URL(made.upload_url ?? `/v1/image-uploads/${made.image.id}`, api.place.url)
  const headers = {
    'tus-resumable': '1.0.0',
    'upload-offset': '0',
    'content-type': 'application/offset+octet-stream',
    'content-length': String(image.size_bytes),
    authorization: `Bearer ${api.place.token ?? ''}`,
  }
  const answer = await send(api.place, url, headers, image.path)
  const said = await text(answer)
  if (answer.statusCode !== 204)
    throw new HostError(`the upload of ${image.name} was answered ${answer.statusCode}: ${said.slice(0, 500)}`)
}

function send(
  place: ApiPlace,
  url: URL,
  headers: http.OutgoingHttpHeaders,
  file: string,
): Promise<http.IncomingMessage> {
  const options = { method: 'PATCH', headers, ...(place.ca && { ca: place.ca }) }
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? https.request(url, options) : http.request(url, options)
    request.on('error', reject).on('response', resolve)
    createReadStream(file).on('error', reject).pipe(request)
  })
}
