/** Writes openapi.json, the contract as OpenAPI 3.1. `npm run openapi`, after a change to src/api; a test holds it to that. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { openApiDocument } from './openapi-document.ts'

const file = path.join(import.meta.dirname, '../openapi.json')
await writeFile(file, `${JSON.stringify(await openApiDocument(), null, 1)}\n`)
process.stdout.write(`${file}\n`)
