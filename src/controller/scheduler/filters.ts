/** Filters: each says why a host cannot take an instance, in words for people, or null when it can. */
import type { Claims, HostSnapshot, PlacementAsked } from './snapshot.ts'

export type Filter = (host: HostSnapshot, claims: Claims, asked: PlacementAsked) => string | null

/** What a filter that refuses finds wrong, for who is not told of single hosts. */
const faults: Readonly<Record<string, string>> = {
  asked_host: 'not the host that was asked for',
  volume: 'not where the volume is',
  shared_pool: 'no shared pool, which high availability needs',
  zone: 'in another zone',
  answers: 'no answer',
  schedulable: 'takes no new instances',
  architecture: 'another architecture',
  cpu_flags: 'CPU flags are missing',
  labels: 'labels are missing',
  vcpus: 'too few vCPUs are free',
  memory: 'too little memory is free',
  disk: 'too little disk is free',
}

/** "too little memory is free: 2 hosts" */
export function inWords(filter: string, hosts: number): string {
  return `${faults[filter] ?? filter}: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`
}

function lacks(what: string, unit: string, asked: number, limit: number, claimed: number): string | null {
  const free = Math.max(0, limit - claimed)
  if (asked <= free) return null
  return asked > limit
    ? `needs ${asked} ${unit}${what}, the host has ${limit} in all`
    : `needs ${asked} ${unit}${what}, ${free} of ${limit} are free`
}

/** In the order of their telling: what rules a host out altogether comes before what is short. */
export const filters: Readonly<Record<string, Filter>> = {
  asked_host: (host, _, asked) =>
    asked.host_id !== null && asked.host_id !== host.id ? 'another host was asked for' : null,
  volume: (host, _, asked) =>
    asked.volume_host_id !== undefined &&
    asked.volume_host_id !== host.id &&
    (asked.volume_pool_id === undefined || asked.volume_pool_id !== host.pool_id)
      ? 'the volume that it starts from is in another pool'
      : null,
  shared_pool: (host, _, asked) =>
    asked.shared_pool === true && host.pool_shared !== true
      ? 'its disks are in a pool that no other host has, and a highly available instance must be able to start on another'
      : null,
  zone: (host, _, asked) => (asked.zone_id !== null && asked.zone_id !== host.zone_id ? 'is in another zone' : null),
  answers: host => (host.answers ? null : 'does not answer'),
  schedulable: host => (host.schedulable ? null : 'takes no new instances: it was set so'),
  architecture: (host, _, asked) =>
    asked.arch !== null && asked.arch !== host.arch ? `is ${host.arch}, the image needs ${asked.arch}` : null,
  cpu_flags: (host, _, asked) => {
    const missing = asked.cpu_flags.filter(flag => !host.cpu_flags.includes(flag))
    return missing.length > 0 ? `its CPU lacks ${missing.join(', ')}` : null
  },
  labels: (host, _, asked) => {
    const missing = Object.entries(asked.labels).filter(([key, value]) => host.labels[key] !== value)
    return missing.length > 0 ? `lacks the label ${missing.map(pair => pair.join('=')).join(', ')}` : null
  },
  vcpus: (host, claims, asked) => lacks('vCPUs', '', asked.vcpus, host.vcpus_limit, claims.vcpus),
  memory: (host, claims, asked) =>
    lacks('of memory', 'MiB ', asked.memory_mib, host.memory_limit_mib, claims.memory_mib),
  disk: (host, claims, asked) => lacks('of disk', 'GiB ', asked.disk_gib, host.disk_limit_gib, claims.disk_gib),
}
