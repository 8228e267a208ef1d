/** Settings: what an administrator may adjust while the cloud runs. */
import Type, { type Static } from 'typebox'
import { closed, nullable, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Setting = closed({
  name: Type.String(),
  value: Type.Unknown(),
  default: Type.Unknown(),
  summary: Type.String(),
  expected: Type.Unknown({ description: 'JSON Schema of the values it takes' }),
  updated_at: nullable(Time),
  updated_by: nullable(Uuid),
})
export type Setting = Static<typeof Setting>

const params = closed({ setting: Type.String({ minLength: 1, maxLength: 64 }) })

export const settingRoutes = {
  list: route({
    name: 'setting.list',
    method: 'GET',
    path: '/v1/settings',
    summary: 'All settings, with their values and what they take',
    level: 'system',
    needs: 'setting.read',
    status: 200,
    reply: closed({ items: Type.Array(Setting), next: Type.Null() }),
    errors: [],
    cli: { columns: ['name', 'value', 'default', 'summary'] },
  }),
  get: route({
    name: 'setting.get',
    method: 'GET',
    path: '/v1/settings/:setting',
    summary: 'One setting',
    level: 'system',
    needs: 'setting.read',
    params,
    status: 200,
    reply: Setting,
    errors: ['not_found'],
  }),
  set: route({
    name: 'setting.set',
    method: 'PUT',
    path: '/v1/settings/:setting',
    summary: 'Give a setting a value; every controller follows at once',
    level: 'system',
    needs: 'setting.manage',
    params,
    body: closed({ value: Type.Unknown() }),
    status: 200,
    reply: Setting,
    errors: ['not_found'],
    cli: { positional: ['value'] },
  }),
  reset: route({
    name: 'setting.reset',
    method: 'DELETE',
    path: '/v1/settings/:setting',
    summary: 'Let a setting have its default again',
    level: 'system',
    needs: 'setting.manage',
    params,
    status: 204,
    errors: ['not_found'],
  }),
}
