/**
 * What each route takes, as plain data: for forms (limits of a field) and for "the same as CLI / API call". Loaded when first
 * needed; made from the contract at build time.
 */
import type { FieldShape, RouteShapes } from './route-shapes.ts'

export type { FieldShape, RouteShapes }

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
