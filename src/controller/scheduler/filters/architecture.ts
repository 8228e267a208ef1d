/** Only hosts of the architecture that the image is for. */
import type { Filter } from '../filter.ts'

export const architecture: Filter = {
  fault: 'another architecture',
  remedy: 'choose another image, or add a host of its architecture',
  remedy_elsewhere: 'add a host of its architecture',
  applies: asked => asked.arch !== null,
  refuses: (host, _, asked) => asked.arch !== host.arch,
  why: (host, _, asked) => `is ${host.arch}, the image needs ${asked.arch}`,
}
