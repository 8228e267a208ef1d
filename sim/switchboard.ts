/**
 * What a person does to simulated hosts and guests, a line each: cut their power or their network, kill an agent, crash a guest. What
 * the cloud makes of it is the cloud's. Not its job: reading lines, and showing answers.
 */
import type { SimulatedHost } from './host.ts'
import type { Wires } from './network.ts'
import type { HostDisk } from './state.ts'

export interface SwitchboardParts {
  /** By name. */
  hosts: ReadonlyMap<string, SimulatedHost>
  wires: Wires
  /** Ids of the instances that are called so, or have this id. */
  instancesOf(name: string): Promise<readonly string[]>
  /** Commands besides. */
  more?: Readonly<Record<string, Command>>
}

export interface Command {
  /** The words that follow it. */
  takes: string
  says: string
  /** Answers for people. */
  do(words: readonly string[]): string | Promise<string>
}

/** More hosts than a person reads are summed up. */
const shown_max = 20
const all = 'all'

export class Switchboard {
  private readonly hosts: ReadonlyMap<string, SimulatedHost>
  private readonly commands: Readonly<Record<string, Command>>

  constructor(parts: SwitchboardParts) {
    this.hosts = parts.hosts
    const machines = hostCommands(parts.wires)
    const guests = instanceCommands(parts)
    this.commands = {
      ...Object.fromEntries(Object.entries(machines).map(([word, act]) => [word, ofHosts(parts.hosts, act)])),
      ...guests,
      hostname: renaming(parts),
      ...parts.more,
    }
  }

  /** Does what a line says; answers for people, never with an error. An empty line is nothing. */
  async do(line: string): Promise<string> {
    const [word = '', ...words] = line.trim().split(/\s+/)
    if (word === '') return ''
    if (word === 'help') return this.help()
    if (word === 'hosts') return this.list()
    const command = this.commands[word]
    if (!command) return `There is no command '${word}'.\n${this.help()}`
    if (words.length === 0) return `Say of which: ${word} ${command.takes}`
    return await command.do(words)
  }

  private list(): string {
    const hosts = [...this.hosts.values()]
    // Those that something was done to are never among those left out.
    const odd = hosts.filter(host => !isWell(host))
    const shown = hosts.length <= shown_max ? hosts : [...odd, ...hosts.filter(isWell)].slice(0, shown_max)
    const width = Math.max(0, ...shown.map(host => host.name.length))
    const lines = shown.map(host => `${host.name.padEnd(width)}  ${standing(host)}`)
    if (hosts.length > shown.length) lines.push(`and ${hosts.length - shown.length} more`)
    return lines.join('\n')
  }

  private help(): string {
    const lines = Object.entries(this.commands).map(([word, { takes, says }]) => [`${word} ${takes}`, says])
    lines.push(['hosts', 'how each host stands, and what runs on it'])
    const width = Math.max(...lines.map(([usage = '']) => usage.length))
    return [
      ...lines.map(([usage = '', says]) => `  ${usage.padEnd(width)}  ${says}`),
      `  HOST may be '${all}'; end it with Ctrl-C`,
    ].join('\n')
  }
}

interface HostCommand {
  says: string
  /** What there is to say of the host then. */
  act(host: SimulatedHost): string
}

function ofHosts(hosts: ReadonlyMap<string, SimulatedHost>, { says, act }: HostCommand): Command {
  const one = (name: string): SimulatedHost[] | string => {
    if (name === all) return [...hosts.values()]
    const host = hosts.get(name)
    return host ? [host] : `There is no host '${name}'; 'hosts' lists them.`
  }
  return {
    takes: 'HOST…',
    says,
    do(names) {
      const said = names.flatMap(name => {
        const found = one(name)
        return typeof found === 'string' ? [found] : found.map(host => `${host.name}: ${act(host)}`)
      })
      return summed(said)
    },
  }
}

function hostCommands(wires: Wires): Record<string, HostCommand> {
  const backups = new Map<string, HostDisk>()
  return {
    'power-cut': {
      says: 'cut its power: all that runs there is gone, without a word to anybody',
      act(host) {
        if (!host.powered) return 'is off already'
        const lost = running(host)
        host.powerCut()
        return `is off, and with it ${guests(lost)}`
      },
    },
    'power-on': {
      says: 'give it power again: it boots, and its agent starts',
      act(host) {
        if (host.powered) return 'is on already'
        host.powerOn()
        return 'boots'
      },
    },
    'net-cut': {
      says: 'cut it off from the network: it goes on, and nobody hears of it',
      act(host) {
        if (host.cut) return 'is cut off already'
        host.cut = true
        return `is cut off, with ${guests(running(host))} going on`
      },
    },
    'net-on': {
      says: 'give it its network again',
      act(host) {
        if (!host.cut) return 'is not cut off'
        host.cut = false
        // What was sent meanwhile is gone: it dials in anew.
        cutWires(wires, host, 'the network was away')
        return 'has its network again'
      },
    },
    'bmc-cut': {
      says: 'cut its management controller off, as a supply or a switch that both share does: power-cut or net-cut besides',
      act(host) {
        if (host.bmc.fault === 'silent') return 'has none that is reached already'
        host.bmc.fault = 'silent'
        return 'has no management controller that is reached'
      },
    },
    'bmc-on': {
      says: 'have its management controller answer again',
      act(host) {
        if (host.bmc.fault === null) return 'has one that is reached'
        host.bmc.fault = null
        return 'has its management controller again'
      },
    },
    'agent-kill': {
      says: 'kill its agent: its guests go on',
      act(host) {
        if (!host.has_agent) return 'has no agent that runs'
        host.killAgent()
        // The machine is there, and says that nobody listens any more.
        if (!host.cut) cutWires(wires, host, 'the agent was killed')
        return `has no agent, with ${guests(running(host))} going on`
      },
    },
    'agent-start': {
      says: 'start its agent again',
      act(host) {
        if (!host.powered) return 'is off'
        if (host.has_agent) return 'has its agent'
        host.startAgent()
        return 'starts its agent'
      },
    },
    refuse: {
      says: 'have it fail whenever it is to start a guest',
      act(host) {
        host.failing = 1
        return 'starts no guest any more'
      },
    },
    accept: {
      says: 'have it start guests again',
      act(host) {
        host.failing = 0
        return 'starts guests'
      },
    },
    backup: {
      says: 'copy its disk: what its agent knows, its guests’ definitions, disks that are its alone',
      act(host) {
        backups.set(host.id, host.copyDisk())
        return 'is copied'
      },
    },
    restore: {
      says: 'put the copy of its disk back, and boot it: it knows nothing of what came after',
      act(host) {
        const copy = backups.get(host.id)
        if (!copy) return 'has no copy: backup it first'
        host.powerCut()
        if (!host.cut) cutWires(wires, host, 'it was switched off')
        host.putDisk(copy)
        host.powerOn()
        return 'boots from its copy'
      },
    },
  }
}

function renaming({ hosts, wires }: SwitchboardParts): Command {
  return {
    takes: 'HOST NAME',
    says: 'boot it with another host name: it is the same host',
    do([name = '', hostname]) {
      const host = hosts.get(name)
      if (!host) return `There is no host '${name}'; 'hosts' lists them.`
      if (hostname === undefined) return `Say which: hostname ${name} NAME`
      host.powerCut()
      if (!host.cut) cutWires(wires, host, 'it was switched off')
      host.hostname = hostname
      host.powerOn()
      return `${name}: boots as ${hostname}`
    },
  }
}

/** Both ends learn of it soon. */
export function cutWires(wires: Wires, host: SimulatedHost, reason: string): void {
  for (const wire of wires.open) if (wire.host === host) wire.cut(reason)
}

function instanceCommands(parts: SwitchboardParts): Record<string, Command> {
  /** `act` gives words for what it did to the guest, on its host. */
  const toGuest = async (name: string, act: (host: SimulatedHost, id: string) => string): Promise<string> => {
    const [id, other] = await parts.instancesOf(name)
    if (id === undefined) return `There is no instance '${name}'.`
    if (other !== undefined) return `Several instances are called '${name}': say the id of one.`
    const host = [...parts.hosts.values()].find(one => one.domains.get(id)?.power === 'running')
    return host ? `${name}: ${act(host, id)} on ${host.name}` : `${name} runs on no host.`
  }
  const end = (name: string, off_reason: 'guest' | 'crashed', words: string) =>
    toGuest(name, (host, id) => {
      host.guestEnds(id, off_reason)
      return words
    })
  const hang = (name: string) =>
    toGuest(name, (host, id) => {
      const action = host.guestHangs(id)
      return action === null ? 'hangs, and has no watchdog (--watchdog-action)' : `hangs: its watchdog does '${action}'`
    })
  const each = async (names: readonly string[], work: (name: string) => Promise<string>) =>
    summed(await Promise.all(names.map(work)))
  return {
    crash: {
      takes: 'INSTANCE…',
      says: 'crash the guest',
      do: names => each(names, name => end(name, 'crashed', 'has crashed')),
    },
    hang: {
      takes: 'INSTANCE…',
      says: 'have the guest hang, so that its watchdog runs out',
      do: names => each(names, hang),
    },
    'shut-down': {
      takes: 'INSTANCE…',
      says: 'have the guest shut itself down',
      do: names => each(names, name => end(name, 'guest', 'has shut itself down')),
    },
  }
}

function running(host: SimulatedHost): number {
  return [...host.domains.values()].filter(one => one.power === 'running').length
}

const guests = (count: number) => (count === 1 ? '1 guest' : `${count} guests`)

function isWell(host: SimulatedHost): boolean {
  return host.powered && !host.cut && host.bmc.fault === null && host.has_agent && host.failing === 0
}

function standing(host: SimulatedHost): string {
  if (!host.powered) return 'off'
  const faults = [
    ...(host.cut ? ['cut off'] : []),
    ...(host.bmc.fault !== null ? ['no management controller'] : []),
    ...(host.has_agent ? [] : ['no agent']),
    ...(host.failing > 0 ? ['refuses guests'] : []),
  ]
  return `${faults.join(', ') || 'on'}, ${guests(running(host))}`
}

function summed(said: readonly string[]): string {
  if (said.length <= shown_max) return said.join('\n')
  return [...said.slice(0, shown_max), `and ${said.length - shown_max} more`].join('\n')
}
