/**
 * `npm run bench [GROUP ...]`: one figure a line: name, value, unit. Groups are the files of this folder; each exports
 * `bench()`. Figures of a shared machine are noisy: compare ratios, and runs of one machine.
 */
import { readdir } from 'node:fs/promises'

interface Figure {
  name: string
  value: number
  unit: string
}

const groups = (await readdir(import.meta.dirname))
  .filter(name => name.endsWith('.ts') && name !== 'main.ts')
  .map(name => name.slice(0, -'.ts'.length))
  .sort()
const asked = process.argv.slice(2)
const unknown = asked.find(name => !groups.includes(name))
if (unknown !== undefined) {
  console.error(`there is no group ${unknown}; there are: ${groups.join(', ')}`)
  process.exit(2)
}

let failed = 0
for (const group of asked.length > 0 ? asked : groups) {
  try {
    const { bench } = (await import(`./${group}.ts`)) as { bench(): Promise<Figure[]> }
    for (const { name, value, unit } of await bench()) console.log(`${name} ${Number(value.toPrecision(4))} ${unit}`)
  } catch (error) {
    failed++
    console.error(`the group ${group} failed:`, error)
  }
}
process.exit(failed > 0 ? 1 : 0)
