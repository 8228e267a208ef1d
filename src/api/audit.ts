/** The audit log: who did, or tried, what, when, from where, and how it ended. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, NameNow, nullable, page, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const AuditRow = closed({
  seq: Type.Integer(),
  at: Time,
  user_id: nullable(Uuid),
  user_name: nullable(Type.String()),
  project_id: nullable(Uuid),
  request_id: Uuid,
  address: nullable(Type.String()),
  method: Type.String(),
  path: Type.String(),
  action: Type.String({ description: "The route's name, such as instance.create" }),
  resource_id: nullable(Type.String()),
  resource_name: NameNow('the thing'),
  outcome: Type.Integer({ description: 'HTTP status' }),
  error: nullable(Type.String({ description: 'Code of the error, when it was refused' })),
  detail: nullable(
    Type.Unknown({ description: 'What was asked for, of those routes where it matters: {"argv": ["uptime"]}' }),
  ),
  sealed: Type.Boolean({ description: 'Whether the chain of hashes covers it already' }),
})
export type AuditRow = Static<typeof AuditRow>

export const AuditVerdict = closed({
  whole: Type.Boolean(),
  rows: Type.Integer({ description: 'Sealed rows that were checked' }),
  unsealed: Type.Integer({ description: 'New rows that are not sealed yet' }),
  first_broken_seq: nullable(Type.Integer()),
  reason: nullable(Type.String()),
})
export type AuditVerdict = Static<typeof AuditVerdict>

export const auditRoutes = {
  list: route({
    name: 'audit.list',
    method: 'GET',
    path: '/v1/audit',
    summary: 'The audit log, newest first, of the domains that you may look into',
    level: 'domain',
    needs: 'audit.read',
    query: closed({
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: limits.page_size_max, default: limits.page_size_default }),
      ),
      cursor: Type.Optional(Type.String({ pattern: '^\\d{1,15}$' })),
      user_id: Type.Optional(Uuid),
      project_id: Type.Optional(Uuid),
      resource_id: Type.Optional(Type.String({ maxLength: 128 })),
      action: Type.Optional(Type.String({ maxLength: 64 })),
      refused: Type.Optional(Type.Boolean({ description: 'Only what was refused, or only what was not' })),
      since: Type.Optional(Time),
      until: Type.Optional(Time),
    }),
    status: 200,
    reply: page(AuditRow),
    errors: [],
    cli: { columns: ['at', 'user_name', 'action', 'resource_id', 'outcome', 'error', 'address'] },
  }),
  verify: route({
    name: 'audit.verify',
    method: 'GET',
    path: '/v1/audit/verify',
    summary: 'Check that no row of the audit log was changed or taken out since it was sealed',
    level: 'system',
    needs: 'audit.read',
    status: 200,
    reply: AuditVerdict,
    errors: [],
  }),
}
