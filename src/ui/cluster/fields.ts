/** Fields that making and changing a cluster share. */
import type { FormField } from '../parts/form.tsx'
import { words } from './text.ts'

export const nameField = (): FormField => ({ name: 'name', title: words('name'), kind: 'text' })

export const overcommitFields = (): FormField[] => [
  { name: 'cpu_overcommit', title: words('cpu'), kind: 'number', unit: '×', step: 'any', help: words('cpu.help') },
  {
    name: 'memory_overcommit',
    title: words('memory'),
    kind: 'number',
    unit: '×',
    step: 'any',
    help: words('memory.help'),
  },
  { name: 'ha_failures_tolerated', title: words('tolerated'), kind: 'number', help: words('tolerated.help') },
]
