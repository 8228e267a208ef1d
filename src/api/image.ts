/** Images: disks that instances are made from. Their content is written once: uploaded, or fetched from an address. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { signatureAlgorithms } from '../model/signature.ts'
import { closed, Name, NewName, nullable, oneOf, page, pageQuery, Tags, Time, Uuid } from './common.ts'
import { ImageProperties } from './image-properties.ts'
import { Operation } from './operation.ts'
import { route } from './route.ts'

export const imageStatuses = ['waiting', 'fetching', 'checking', 'ready', 'failed'] as const
export const imageVisibilities = ['public', 'private', 'shared', 'community'] as const
export const memberStatuses = ['pending', 'accepted', 'rejected'] as const

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, hexadecimal, lower case' })
const Visibility = oneOf(imageVisibilities, {
  description:
    'Who may use it beside its own project: private, nobody; shared, projects that it is shared with; community, all that ' +
    'name its id; public, all, and it is in their lists',
})
const MinDisk = Type.Integer({ minimum: 0, maximum: limits.disk_gib_max })
const MinMemory = Type.Integer({ minimum: 0, maximum: limits.memory_mib_max })

export const Image = closed({
  id: Uuid,
  project_id: Uuid,
  name: Name,
  visibility: Visibility,
  status: oneOf(imageStatuses, { description: 'How far its content has come; waiting is for an upload' }),
  failure: nullable(Type.String({ description: 'Why it failed, in plain words' })),
  progress_percent: Type.Integer({ minimum: 0, maximum: 100 }),
  source_url: nullable(Type.String({ description: "Shown in the image's own project only" })),
  format: nullable(Type.String({ description: 'Of the content as it is kept' })),
  size_bytes: nullable(Type.Integer({ description: 'Of the content as it is kept' })),
  virtual_size_bytes: nullable(Type.Integer({ description: 'The disk that a guest sees' })),
  sha256: nullable(Type.String({ description: 'Of the content as it is kept' })),
  min_disk_gib: Type.Integer(),
  min_memory_mib: Type.Integer(),
  properties: ImageProperties,
  tags: Tags,
  verified_by: nullable(
    closed(
      { key: Name, fingerprint: Type.String(), algorithm: oneOf(signatureAlgorithms), verified_at: Time },
      { description: 'The signature that its content was found to bear; the key may be gone since' },
    ),
  ),
  protected: Type.Boolean({ description: 'Cannot be deleted' }),
  version: Type.Integer(),
  created_at: Time,
})
export type Image = Static<typeof Image>

export const imageParams = closed({ image: Uuid })
const params = imageParams

export const ImageMember = closed({
  image_id: Uuid,
  project_id: Uuid,
  status: oneOf(memberStatuses, { description: 'accepted: it is in the lists of the project' }),
  created_at: Time,
  answered_at: nullable(Time),
})
export type ImageMember = Static<typeof ImageMember>

export const contentErrors = [
  'not_found',
  'wrong_state',
  'conflict',
  'too_large',
  'unsupported_media',
  'storage_full',
] as const

export const imageRoutes = {
  list: route({
    name: 'image.list',
    method: 'GET',
    path: '/v1/images',
    summary: 'Images of the project, public ones, and those shared with it that it has accepted',
    level: 'project',
    needs: 'image.read',
    query: closed({
      ...pageQuery,
      name: Type.Optional(Name),
      visibility: Type.Optional(
        oneOf(imageVisibilities, { description: 'Only these; community ones are listed no other way' }),
      ),
      member_status: Type.Optional(
        oneOf(memberStatuses, { description: 'Of what others share with the project: what it said to it (accepted)' }),
      ),
      status: Type.Optional(oneOf(imageStatuses)),
    }),
    status: 200,
    reply: page(Image),
    errors: [],
    cli: { columns: ['name', 'status', 'visibility', 'virtual_size_bytes', 'size_bytes', 'id'] },
  }),
  get: route({
    name: 'image.get',
    method: 'GET',
    path: '/v1/images/:image',
    summary: 'One image',
    level: 'project',
    needs: 'image.read',
    params,
    status: 200,
    reply: Image,
    errors: ['not_found'],
  }),
  create: route({
    name: 'image.create',
    method: 'POST',
    path: '/v1/images',
    summary: 'Make an image: with source_url it is fetched, without it waits for an upload',
    level: 'project',
    needs: 'image.manage',
    body: closed({
      name: NewName,
      visibility: Type.Optional(Visibility),
      source_url: Type.Optional(
        Type.String({ maxLength: 2048, pattern: '^https?://', description: 'http or https, to be fetched from' }),
      ),
      sha256: Type.Optional(Sha256),
      signature: Type.Optional(
        Type.String({
          contentEncoding: 'base64',
          pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
          minLength: 4,
          maxLength: limits.signature_length_max,
          description: 'Over the content as it is sent or fetched, base64',
        }),
      ),
      signing_key: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 128,
          description: 'Name or id of the image key that it was signed with',
        }),
      ),
      signature_algorithm: Type.Optional(
        oneOf(signatureAlgorithms, { description: "The first of the key's own unless said otherwise" }),
      ),
      size_bytes: Type.Optional(
        Type.Integer({ minimum: 1, description: 'Of the file to be uploaded, when that is known' }),
      ),
      min_disk_gib: Type.Optional(MinDisk),
      min_memory_mib: Type.Optional(MinMemory),
      properties: Type.Optional(ImageProperties),
      tags: Type.Optional(Tags),
      protected: Type.Optional(Type.Boolean({ description: 'It cannot be deleted; false: it can' })),
    }),
    status: 202,
    reply: closed({
      image: Image,
      operation: Operation,
      upload_url: nullable(
        Type.String({
          description: 'Where the content goes by tus 1.0 (HEAD and PATCH), below the address of the API',
        }),
      ),
    }),
    errors: ['quota_exceeded', 'forbidden', 'too_large', 'not_found', 'image_refused'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'image.update',
    method: 'PATCH',
    path: '/v1/images/:image',
    summary: 'Change what is said of an image; its content never changes',
    level: 'project',
    needs: 'image.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      visibility: Type.Optional(Visibility),
      min_disk_gib: Type.Optional(MinDisk),
      min_memory_mib: Type.Optional(MinMemory),
      properties: Type.Optional(ImageProperties),
      tags: Type.Optional(Tags),
      protected: Type.Optional(Type.Boolean({ description: 'It cannot be deleted; false: it can' })),
    }),
    status: 200,
    reply: Image,
    errors: ['not_found', 'changed_meanwhile'],
  }),
  members: route({
    name: 'image.members',
    method: 'GET',
    path: '/v1/images/:image/members',
    summary: 'Whom an image is shared with; of what others share, only the own project',
    level: 'project',
    needs: 'image.read',
    params,
    status: 200,
    reply: closed({ items: Type.Array(ImageMember), next: Type.Null() }),
    errors: ['not_found'],
    cli: { columns: ['project_id', 'status', 'answered_at'] },
  }),
  share: route({
    name: 'image.share',
    method: 'POST',
    path: '/v1/images/:image/members',
    summary: 'Share an image with a project, which may use it then; a private image becomes shared by it',
    level: 'project',
    needs: 'image.manage',
    params,
    body: closed({ project_id: Uuid }),
    status: 201,
    reply: ImageMember,
    errors: ['not_found', 'conflict', 'wrong_state', 'quota_exceeded', 'changed_meanwhile'],
  }),
  unshare: route({
    name: 'image.unshare',
    method: 'DELETE',
    path: '/v1/images/:image/members/:project',
    summary: 'Share an image with a project no more; instances that it made go on',
    level: 'project',
    needs: 'image.manage',
    params: closed({ image: Uuid, project: Uuid }),
    status: 204,
    errors: ['not_found', 'changed_meanwhile'],
  }),
  answer: route({
    name: 'image.answer',
    method: 'PUT',
    path: '/v1/images/:image/membership',
    summary: 'Say whether an image that another project shares with this one shall be in its lists',
    level: 'project',
    needs: 'image.manage',
    params,
    body: closed({ status: oneOf(memberStatuses) }),
    status: 200,
    reply: ImageMember,
    errors: ['not_found'],
    cli: { positional: ['status'] },
  }),
  delete: route({
    name: 'image.delete',
    method: 'DELETE',
    path: '/v1/images/:image',
    summary: 'Delete an image; instances made from it stay, and its content until the last of them is gone',
    level: 'project',
    needs: 'image.manage',
    params,
    status: 204,
    errors: ['not_found', 'wrong_state', 'changed_meanwhile'],
  }),
  put: route({
    name: 'image.put',
    method: 'PUT',
    path: '/v1/images/:image/content',
    summary: 'Give a waiting image its content in one request, as application/octet-stream with a Content-Length',
    level: 'project',
    needs: 'image.manage',
    params,
    takes: 'bytes',
    status: 200,
    reply: Image,
    errors: contentErrors,
    cli: { hidden: true },
  }),
}
