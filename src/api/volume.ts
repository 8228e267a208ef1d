/** Volumes: disks. Those of instances come and go with them; others are made before an instance and outlive it. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { volumeRoles, volumeStates } from '../model/volume.ts'
import { closed, Name, NewName, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { Operation } from './operation.ts'
import { route } from './route.ts'

export const Volume = closed({
  id: Uuid,
  project_id: Uuid,
  name: Type.String(),
  state: oneOf(volumeStates),
  role: oneOf(volumeRoles, { description: "What it is to its instance; 'data' while it was of none yet" }),
  size_gib: Type.Integer({ description: 'What quota and host reckon with: whole GiB' }),
  size_mib: Type.Integer({ description: 'What the guest sees' }),
  bus: Type.String({ description: 'How the guest sees it: virtio, scsi, sata or ide' }),
  keep: Type.Boolean({ description: 'It stays when its instance is purged' }),
  instance_id: nullable(Uuid),
  instance: nullable(Name),
  image_id: nullable(Uuid),
  host_id: nullable(Uuid),
  host: nullable(Type.String({ description: 'Null: on none yet; the first instance that uses it decides' })),
  version: Type.Integer(),
  created_at: Time,
})
export type Volume = Static<typeof Volume>

const params = closed({ volume: Uuid })

export const volumeRoutes = {
  list: route({
    name: 'volume.list',
    method: 'GET',
    path: '/v1/volumes',
    summary: 'Volumes',
    level: 'project',
    needs: 'volume.read',
    query: closed({
      ...pageQuery,
      name: Type.Optional(Name),
      instance_id: Type.Optional(Uuid),
      image_id: Type.Optional(Uuid),
      role: Type.Optional(oneOf(volumeRoles)),
      state: Type.Optional(oneOf(volumeStates)),
    }),
    status: 200,
    reply: page(Volume),
    errors: [],
    cli: { columns: ['name', 'size_gib', 'role', 'state', 'instance', 'host', 'id'] },
  }),
  get: route({
    name: 'volume.get',
    method: 'GET',
    path: '/v1/volumes/:volume',
    summary: 'One volume',
    level: 'project',
    needs: 'volume.read',
    params,
    status: 200,
    reply: Volume,
    errors: ['not_found'],
  }),
  create: route({
    name: 'volume.create',
    method: 'POST',
    path: '/v1/volumes',
    summary: 'Make a volume; it takes its place on the host of the first instance that uses it',
    level: 'project',
    needs: 'volume.manage',
    body: closed({
      name: NewName,
      size_gib: Type.Optional(
        Type.Integer({ minimum: 1, maximum: limits.disk_gib_max, description: "Without it: the image's" }),
      ),
      image_id: Type.Optional(uuidOf('Whose copy it shall be; without it, it is empty')),
    }),
    status: 201,
    reply: Volume,
    errors: ['not_found', 'invalid', 'quota_exceeded', 'wrong_state'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'volume.update',
    method: 'PATCH',
    path: '/v1/volumes/:volume',
    summary: 'Rename a volume, or say whether it stays when its instance is purged',
    level: 'project',
    needs: 'volume.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      keep: Type.Optional(Type.Boolean({ description: 'It stays when its instance is purged' })),
    }),
    status: 200,
    reply: Volume,
    errors: ['not_found', 'invalid', 'wrong_state', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'volume.delete',
    method: 'DELETE',
    path: '/v1/volumes/:volume',
    summary: 'Delete a volume that no instance has, for good',
    level: 'project',
    needs: 'volume.manage',
    params,
    status: 202,
    reply: closed({ volume: Volume, operation: Operation }),
    errors: ['not_found', 'in_use', 'wrong_state', 'changed_meanwhile'],
  }),
}
