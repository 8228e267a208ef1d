/** Settings: what an administrator may adjust while the cloud runs, for all of it or a part; what each was before, and who changed it. */
import Type, { type Static } from 'typebox'
import { settingPlaces, settingScopes, settingSources } from '../model/setting.ts'
import { closed, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Setting = closed({
  name: Type.String(),
  value: Type.Unknown(),
  default: Type.Unknown(),
  summary: Type.String(),
  expected: Type.Unknown({ description: 'JSON Schema of the values it takes' }),
  updated_at: nullable(Time),
  updated_by: nullable(Uuid),
  updated_by_name: nullable(
    Type.String({ description: 'Null: nobody, or one that is gone, or for who may not see that user' }),
  ),
  scopes: Type.Array(oneOf(settingPlaces), {
    description: 'For which parts of the cloud it may have values of their own',
  }),
  source: oneOf(settingSources, { description: 'Where the value comes from' }),
  source_id: nullable(Uuid),
  source_name: nullable(Type.String()),
  own: Type.Boolean({ description: 'It was given this value in the very place that was asked about' }),
  inherited: Type.Unknown({ description: 'What it would be there without a value of its own' }),
})
export type Setting = Static<typeof Setting>

export const SettingValue = closed({
  name: Type.String(),
  scope: oneOf(settingPlaces),
  scope_id: Uuid,
  scope_name: Type.String(),
  value: Type.Unknown(),
  updated_at: Time,
  updated_by: nullable(Uuid),
  updated_by_name: nullable(Type.String({ description: 'Null: one that is gone, or for who may not see that user' })),
})
export type SettingValue = Static<typeof SettingValue>

export const SettingChange = closed({
  id: Uuid,
  name: Type.String(),
  scope: oneOf(settingScopes),
  scope_id: nullable(Uuid),
  scope_name: nullable(Type.String({ description: 'As it was called then' })),
  before: Type.Unknown({ description: 'Null: it had none of its own there' }),
  after: Type.Unknown({ description: 'Null: it was let have what holds above' }),
  user_id: nullable(Uuid),
  user: nullable(
    Type.String({ description: 'As user_id is called now. Null: one that is gone, or for who may not see that user' }),
  ),
  at: Time,
})
export type SettingChange = Static<typeof SettingChange>

const params = closed({ setting: Type.String({ minLength: 1, maxLength: 64 }) })
const place = {
  zone_id: Type.Optional(Uuid),
  cluster_id: Type.Optional(Uuid),
  host_id: Type.Optional(Uuid),
  project_id: Type.Optional(Uuid),
}
/** At most one of them. */
export type SettingPlace = { [Key in keyof typeof place]?: string | undefined }

export const settingRoutes = {
  list: route({
    name: 'setting.list',
    method: 'GET',
    path: '/v1/settings',
    summary: 'All settings, with their values and what they take; for a part of the cloud those that may differ there',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.read',
    query: closed(place),
    status: 200,
    reply: closed({ items: Type.Array(Setting), next: Type.Null() }),
    errors: ['not_found', 'forbidden'],
    cli: { columns: ['name', 'value', 'source', 'scopes', 'default', 'summary'] },
  }),
  get: route({
    name: 'setting.get',
    method: 'GET',
    path: '/v1/settings/:setting',
    summary: 'One setting, as it holds for the cloud or for a part of it',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.read',
    params,
    query: closed(place),
    status: 200,
    reply: Setting,
    errors: ['not_found', 'forbidden'],
  }),
  values: route({
    name: 'setting.values',
    method: 'GET',
    path: '/v1/settings/:setting/values',
    summary: 'The parts of the cloud where a setting has a value of its own; of one part, whether it has',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.read',
    params,
    query: closed(place),
    status: 200,
    reply: closed({ items: Type.Array(SettingValue), next: Type.Null() }),
    errors: ['not_found', 'forbidden'],
    cli: { columns: ['scope', 'scope_name', 'value', 'updated_at', 'updated_by'] },
  }),
  history: route({
    name: 'setting.history',
    method: 'GET',
    path: '/v1/settings/:setting/history',
    summary:
      'What a setting was before, for the cloud or for a part of it alone, and who changed it; the latest first unless sorted otherwise',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.read',
    params,
    query: closed({ limit: pageQuery.limit, cursor: pageQuery.cursor, sort: pageQuery.sort, ...place }),
    status: 200,
    reply: page(SettingChange),
    errors: ['not_found', 'forbidden'],
    cli: { columns: ['at', 'user', 'scope', 'scope_name', 'before', 'after'] },
  }),
  changes: route({
    name: 'setting.changes',
    method: 'GET',
    path: '/v1/setting-changes',
    summary:
      'What was changed of any setting, for the cloud or for a part of it alone, and by whom; the latest first unless sorted otherwise',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.read',
    query: closed({ limit: pageQuery.limit, cursor: pageQuery.cursor, sort: pageQuery.sort, ...place }),
    status: 200,
    reply: page(SettingChange),
    errors: ['not_found', 'forbidden'],
    cli: { columns: ['at', 'user', 'name', 'scope', 'scope_name', 'before', 'after'], hidden: true },
  }),
  set: route({
    name: 'setting.set',
    method: 'PUT',
    path: '/v1/settings/:setting',
    summary: 'Give a setting a value, for the cloud or a part of it; every controller and host follows at once',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.manage',
    params,
    body: closed({ value: Type.Unknown(), ...place }),
    status: 200,
    reply: Setting,
    errors: ['not_found', 'forbidden'],
    cli: { positional: ['value'] },
  }),
  reset: route({
    name: 'setting.reset',
    method: 'DELETE',
    path: '/v1/settings/:setting',
    summary: 'Let a setting have its default again; for a part of the cloud, what holds above it',
    level: 'domain',
    within: ['project_id'],
    needs: 'setting.manage',
    params,
    query: closed(place),
    status: 204,
    errors: ['not_found', 'forbidden'],
  }),
}
