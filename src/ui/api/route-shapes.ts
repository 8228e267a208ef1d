/** What a route takes, as plain data: made at build time (scripts/ui), loaded by shapes.ts. */
export interface FieldShape {
  name: string
  /** 'string', 'integer', 'number', 'boolean', 'array', 'object' */
  type: string
  required: boolean
  nullable: boolean
  /** As the command line has it: flavor */
  flag: string
  /** A word of the command, and no option. */
  positional: boolean
  /** A map, of which each option says an entry. */
  by_entry?: boolean
  /** --no-X, which leaves nothing of what a list or a map has: labels */
  empties?: string
  /** The noun whose ids it takes. */
  noun?: string
  description?: string
  options?: readonly string[]
  minimum?: number
  maximum?: number
  max_length?: number
  pattern?: string
  default?: unknown
}

export interface RouteShapes {
  summary: string
  /** There is no command for it. */
  hidden?: boolean
  params: readonly FieldShape[]
  query: readonly FieldShape[]
  body: readonly FieldShape[]
}
