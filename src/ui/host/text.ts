/** Words of the pages of hosts. */
import { catalogue } from '../text/catalogue.ts'
import { de } from './text-de.ts'
import { en } from './text-en.ts'

export const words = catalogue({ en, de })
