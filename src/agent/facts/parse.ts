/** Reads the kernel's own texts (/proc, /sys, os-release). Pure: text in, values out. */

export interface CpuFacts {
  readonly model: string
  readonly flags: string[]
  readonly cpus: number
  readonly cores: number
  readonly sockets: number
}

/** proc_cpuinfo(5), as x86 and ARM write it; what a kernel leaves out counts as one CPU one core one socket. */
export function parseCpuinfo(text: string): CpuFacts {
  const blocks = text
    .split(/\n\s*\n/)
    .map(block => new Map(block.split('\n').map(line => splitOnce(line, ':'))))
    .filter(block => block.has('processor'))
  const first = blocks[0]
  const cores = new Set(
    blocks.map((block, n) => `${block.get('physical id') ?? 0}/${block.get('core id') ?? `cpu${n}`}`),
  )
  const sockets = new Set(blocks.map(block => block.get('physical id') ?? '0'))
  const flags = (first?.get('flags') ?? first?.get('Features') ?? '').split(' ').filter(flag => flag !== '')
  return {
    model: first?.get('model name') ?? first?.get('CPU part') ?? 'unknown',
    flags,
    cpus: blocks.length,
    cores: cores.size,
    sockets: sockets.size,
  }
}

/** proc_meminfo(5) → MiB in all; null when the line is missing. */
export function parseMemTotal_mib(text: string): number | null {
  // /proc has "MemTotal:", a NUMA node's file "Node 0 MemTotal:".
  const kib = /^(?:Node \d+ )?MemTotal:\s+(\d+) kB/m.exec(text)?.[1]
  return kib === undefined ? null : Math.floor(Number(kib) / 1024)
}

/** The kernel's list format: "0-3,8,10-11". */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter(part => part !== '')
    .flatMap(part => {
      const [from = 0, to = from] = part.split('-').map(Number)
      return Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n)
    })
}

/** os-release(5): the name for people. */
export function parseOsRelease(text: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(text)?.[1] ?? 'Linux'
  return value.replace(/^(["'])(.*)\1$/, '$2')
}

function splitOnce(line: string, mark: string): [string, string] {
  const at = line.indexOf(mark)
  return at < 0 ? [line.trim(), ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()]
}
