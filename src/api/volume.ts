/** Volumes: disks of instances. So far each is an instance's root disk, made and deleted with it. */
import Type, { type Static } from 'typebox'
import { closed, Name, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Volume = closed({
  id: Uuid,
  project_id: Uuid,
  name: Type.String(),
  role: oneOf(['root', 'data']),
  size_gib: Type.Integer(),
  bus: Type.String({ description: 'How the guest sees it: virtio, scsi, sata or ide' }),
  instance_id: nullable(Uuid),
  instance: nullable(Name),
  image_id: nullable(Uuid),
  host_id: Uuid,
  host: Name,
  created_at: Time,
})
export type Volume = Static<typeof Volume>

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
      instance_id: Type.Optional(Uuid),
      image_id: Type.Optional(Uuid),
    }),
    status: 200,
    reply: page(Volume),
    errors: [],
    cli: { columns: ['name', 'size_gib', 'role', 'instance', 'host', 'id'] },
  }),
  get: route({
    name: 'volume.get',
    method: 'GET',
    path: '/v1/volumes/:volume',
    summary: 'One volume',
    level: 'project',
    needs: 'volume.read',
    params: closed({ volume: Uuid }),
    status: 200,
    reply: Volume,
    errors: ['not_found'],
  }),
}
