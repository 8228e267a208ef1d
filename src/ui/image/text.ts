/** Words of the pages of images. */
import { catalogue } from '../text/catalogue.ts'
import { de } from './text-de.ts'
import { en } from './text-en.ts'

export const words = catalogue({ en, de })
