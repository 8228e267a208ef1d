/**
 * What each route takes, as plain data: for forms (limits of a field) and for "the same as CLI / API call". Loaded when first
 * needed; made from the contract at build time.
 */

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

let loading: Promise<Readonly<Record<string, RouteShapes>>> | undefined

/** By the route's name. Rejects when they cannot be had, as after an upgrade of the controller while the page was open. */
export function loadShapes(): Promise<Readonly<Record<string, RouteShapes>>> {
  loading ??= import('virtual:croft-shapes').then(
    ({ shapes }) => shapes,
    (error: unknown) => {
      loading = undefined
      throw error
    },
  )
  return loading
}
