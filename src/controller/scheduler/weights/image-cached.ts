/** A host that has the image already starts it sooner. */
import type { Weight } from '../weight.ts'

export const imageCached: Weight = {
  factor: 0.1,
  applies: asked => (asked.around?.image_hosts?.size ?? 0) > 0,
  weigh: (host, _, asked) => (asked.around?.image_hosts?.has(host.id) === true ? 1 : 0),
}
