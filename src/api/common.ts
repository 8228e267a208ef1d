/** Shapes that every noun uses: ids, names, pages, problems. */
import Type, { type Static, type TSchema } from 'typebox'
import { limits } from '../model/limits.ts'

/** An id with a description of its own. */
export function uuidOf(description: string) {
  return Type.String({ format: 'uuid', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description })
}
export const Uuid = uuidOf('UUID, lower case')
const named = {
  minLength: 1,
  maxLength: limits.name_length_max,
  pattern: '^[A-Za-z0-9][A-Za-z0-9 ._@+-]*$',
  description: 'Letters, digits, space and ._@+-, beginning with a letter or digit',
}
export const Name = Type.String(named)
/** Of what could be a name or an id, the form decides. */
export const notAnId = {
  pattern: '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$',
  description: 'a UUID: it would be taken for an id. Choose a name that does not look like one',
}
/** What something is to be called from now on. What is called by a UUID since before stays so: it is found by its id alone. */
export const NewName = Type.String({
  ...named,
  not: notAnId,
})
/** Of a thing that is told by its id. */
export const NameNow = (of: string) =>
  Type.Optional(
    Type.Union([Type.String(), Type.Null()], {
      description: `In lists: ${of}, as it is called now; of a host that was removed, as it was called last. Null when nothing of it is kept, or for who may not see it`,
    }),
  )
export const Description = Type.String({ maxLength: limits.description_length_max })
export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })
/** A record's keys are bound by a pattern only: JSON Schema knows no length of theirs. */
export const Tags = Type.Record(
  Type.String({ pattern: `^.{1,${limits.tag_key_length_max}}$` }),
  Type.String({ maxLength: limits.tag_value_length_max }),
  // Not `false`, which typebox cannot fill defaults into.
  { maxProperties: limits.tags_max, additionalProperties: Type.Never() },
)

/** The same with words of its own. */
export const tagsOf = (description: string) => Type.Unsafe<Static<typeof Tags>>({ ...Tags, description })

/** An object that takes no field it does not name. */
export function closed<T extends Record<string, TSchema>>(fields: T, options: { description?: string } = {}) {
  return Type.Object(fields, { ...options, additionalProperties: false })
}

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

/** One of these words. */
export function oneOf<const T extends readonly string[]>(words: T, options: { description?: string } = {}) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...words], ...options })
}

/** What every list takes beside its filters. */
export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max, default: limits.page_size_default })),
  cursor: Type.Optional(Type.String({ maxLength: 512, description: "The last page's `next`" })),
  sort: Type.Optional(Type.String({ maxLength: 64, description: 'A field; with a minus before it, descending' })),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: limits.name_length_max,
      description: 'A part of the name, in any case; or an id, its beginning or its end (8 digits or more)',
    }),
  ),
  all_projects: Type.Optional(
    Type.Boolean({ description: 'Not only the project signed in to; needs the right on the system' }),
  ),
}

export function page<T extends TSchema>(item: T) {
  return closed({ items: Type.Array(item), next: nullable(Type.String({ description: 'Cursor of the next page' })) })
}

/** RFC 9457. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'What, why, and what to do' }),
  code: Type.String(),
  request_id: Type.String(),
})
export type Problem = Static<typeof Problem>
