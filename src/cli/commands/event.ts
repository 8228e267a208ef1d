/** What is hand-made about events: who looks at them wants to know what happened last. */
import type { Comfort } from '../shop.ts'

export const comfort: Comfort = {
  extend: () => undefined,
  prepare: {
    list:
      (_, { watch }) =>
      ({ query }) => {
        if (watch !== true) query.latest ??= true
        return undefined
      },
  },
}
