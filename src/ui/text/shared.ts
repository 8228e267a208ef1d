/** Words that all pages share. A noun's own are in src/ui/<noun>/text.ts. */
import { catalogue } from './catalogue.ts'
import { de } from './de.ts'
import { en } from './en.ts'

export const words = catalogue({ en, de })
