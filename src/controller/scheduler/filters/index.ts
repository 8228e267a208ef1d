/**
 * All filters, by the names that explanations use, in the order of their telling: what rules a host out altogether comes
 * before what is short. A new filter: a file here, a line here, and its words for many hosts (`filter.NAME`) in
 * src/ui/instance/create-text.ts.
 */
import type { Filter } from '../filter.ts'
import { answers } from './answers.ts'
import { architecture } from './architecture.ts'
import { askedHost } from './asked-host.ts'
import { cpuFlags } from './cpu-flags.ts'
import { disk } from './disk.ts'
import { labels } from './labels.ts'
import { memory } from './memory.ts'
import { schedulable } from './schedulable.ts'
import { vcpus } from './vcpus.ts'
import { volume } from './volume.ts'
import { zone } from './zone.ts'

export const filters: Readonly<Record<string, Filter>> = {
  asked_host: askedHost,
  volume,
  zone,
  answers,
  schedulable,
  architecture,
  cpu_flags: cpuFlags,
  labels,
  vcpus,
  memory,
  disk,
}

/** "too little memory is free: 2 hosts" */
export function inWords(filter: string, hosts: number): string {
  return `${filters[filter]?.fault ?? filter}: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`
}
