/** Image contents, for hosts that are to have them: at the agents' port, beside their links. Who asks is known: link-server.ts. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CloudError } from '../../model/errors.ts'
import { isUuid } from '../../model/ids.ts'
import { imageContent } from '../app/image-content.ts'
import type { Cloud } from '../cloud.ts'
import { host } from '../store/host.ts'

/** Contents that one host reads at one time. */
const readings_max = 16
const readings = new WeakMap<Cloud['database'], Map<string, number>>()

/** Takes one of the host's places until the answer is sent or given up. Throws too_many_requests. */
function takeReading(cloud: Cloud, host_id: string, reply: FastifyReply): void {
  const all = readings.get(cloud.database) ?? new Map<string, number>()
  readings.set(cloud.database, all)
  const count = all.get(host_id) ?? 0
  if (count >= readings_max) {
    throw new CloudError('too_many_requests', `This host reads ${count} images at once already. Try again in a while.`)
  }
  all.set(host_id, count + 1)
  reply.raw.once('close', () => {
    const left = (all.get(host_id) ?? 1) - 1
    if (left > 0) all.set(host_id, left)
    else all.delete(host_id)
  })
}

/** Image contents for hosts, whole or from a byte on (RFC 9110 ranges of one part), so that a broken transfer goes on. */
export async function sendImage(
  cloud: Cloud,
  known: { id: string } | null,
  request: FastifyRequest<{ Params: { image: string } }>,
  reply: FastifyReply,
): Promise<void> {
  const { image } = request.params
  if (!known) throw new CloudError('not_signed_in', 'Only hosts of this cloud read images here.')
  const isNeeded = isUuid(image) && (await host.needsImage(cloud.database.db, known.id, image))
  const content = isNeeded ? await imageContent(cloud, image) : null
  if (!content) throw new CloudError('not_found', `There is no image ${image}.`)
  const { size } = await stat(content.path)
  const range = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  takeReading(cloud, known.id, reply)
  if (start > end) return await reply.status(416).header('content-range', `bytes */${size}`).send()
  reply
    .header('accept-ranges', 'bytes')
    .header('etag', `"${content.sha256}"`)
    .header('content-length', end - start + 1)
  if (range) reply.status(206).header('content-range', `bytes ${start}-${end}/${size}`)
  await reply.type('application/octet-stream').send(createReadStream(content.path, { start, end }))
}
