/**
 * Machines that come to a playground as real ones do: each makes a key, joins by HTTPS with a token, or asks and waits until an
 * operator has approved its code (src/agent/join.ts). And hosts that are installed anew, or leave.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '../src/agent/identity.ts'
import { joinHost } from '../src/agent/join.ts'
import { leaveCloud } from '../src/agent/join-request.ts'
import { linkUrlOf } from '../src/protocol/join.ts'
import type { SimulatedHost } from './host.ts'
import type { Wires } from './network.ts'
import { type Command, cutWires } from './switchboard.ts'

export interface NewcomersParts {
  /** Where each keeps its key. */
  folder: string
  /** Where controllers take machines in. */
  controller_url: string
  ca_sha256: Uint8Array
  hosts: Map<string, SimulatedHost>
  wires: Wires
  /** Makes a machine with an empty disk that is this host, and runs it. */
  run(identity: Pick<Identity, 'host_id' | 'name'>, machine: { hostname: string; machine_id: string }): void
  tell(line: string): void
}

export class Newcomers {
  private readonly parts: NewcomersParts
  /** Of hosts that came so, by their names in the cloud. */
  private readonly identities = new Map<string, Identity>()
  private readonly waiting = new Map<string, AbortController>()
  private installed = 0
  /** Ids of hosts that leave by themselves. */
  private readonly leaving = new Set<string>()

  constructor(parts: NewcomersParts) {
    this.parts = parts
  }

  get commands(): Record<string, Command> {
    return {
      machine: {
        takes: 'NAME [TOKEN]',
        says: 'a new machine wants to be a host: by a token of `croft host invite`, or by asking',
        do: ([name = '', ...words]) => this.come(name, words),
      },
      reinstall: {
        takes: 'HOST [TOKEN]',
        says: 'install its system anew, so that its key is gone; it asks to join under its name',
        do: ([name = '', ...words]) => this.reinstall(name, words),
      },
      leave: {
        takes: 'HOST',
        says: 'have it leave the cloud, as `croft host leave` on it does',
        do: ([name = '']) => this.leave(name),
      },
    }
  }

  close(): void {
    for (const one of this.waiting.values()) one.abort(new Error('the playground ends'))
  }

  /** The cloud has taken the host out: what it shows is good no longer, and its agent is of no use. */
  removed(id: string): void {
    const host = [...this.parts.hosts.values()].find(one => one.id === id)
    if (!host || this.leaving.has(id)) return
    host.killAgent()
    cutWires(this.parts.wires, host, 'the host was removed')
    this.parts.tell(
      `${host.name}: is no host any more, and goes on without one; 'reinstall ${host.name}' has it ask again`,
    )
  }

  private come(name: string, words: readonly string[]): string {
    if (this.parts.hosts.has(name)) return `There is a host ${name}: 'reinstall ${name}' installs it anew.`
    return this.ask(name, words)
  }

  private reinstall(name: string, words: readonly string[]): string {
    const host = this.parts.hosts.get(name)
    // One that was installed anew and still waits to be let in may be so once more.
    if (!host && !this.waiting.has(name)) return `There is no host '${name}'; 'hosts' lists them.`
    if (host) this.end(host)
    return this.ask(name, words)
  }

  /** Its agent is stopped as it should be. */
  private end(host: SimulatedHost): void {
    host.powerCut()
    cutWires(this.parts.wires, host, 'its agent was stopped')
    this.parts.hosts.delete(host.name)
    this.identities.delete(host.name)
  }

  /** Of a pasted command the token is what counts. */
  private ask(name: string, words: readonly string[]): string {
    const token = words.find(word => word.startsWith('croft1.'))
    if (words.length > 0 && token === undefined)
      return 'A token begins with croft1. It is in what `croft host invite` says.'
    this.waiting.get(name)?.abort(new Error('it was begun anew'))
    const end = new AbortController()
    this.waiting.set(name, end)
    this.join(name, token, end.signal)
      .catch((error: unknown) => {
        if (!end.signal.aborted) this.parts.tell(`${name}: ${error instanceof Error ? error.message : String(error)}`)
      })
      .finally(() => {
        if (this.waiting.get(name) === end) this.waiting.delete(name)
      })
    return `${name}: ${token === undefined ? 'asks to join' : 'joins with its token'}`
  }

  private async join(name: string, token: string | undefined, signal: AbortSignal): Promise<void> {
    const { folder, controller_url, ca_sha256, tell } = this.parts
    // A system installed anew has another machine id, and no key.
    const machine_id = `machine-${name}-${++this.installed}`
    const state_dir = join(folder, machine_id)
    const identity = await joinHost({
      ...{ controller_url, state_dir, name, machine_id, signal },
      ...(token === undefined ? { ca_sha256 } : { token }),
      waiting: ({ code, why }) => tell(`${name}: waits to be let in, with the code ${code}. ${why}`),
      trouble: error => tell(`${name}: ${error.message}`),
    })
    await rm(state_dir, { recursive: true, force: true })
    this.identities.set(identity.name, identity)
    this.parts.run(identity, { hostname: name, machine_id })
    tell(`${name}: is the host ${identity.name} now`)
  }

  private async leave(name: string): Promise<string> {
    const host = this.parts.hosts.get(name)
    if (!host) return `There is no host '${name}'; 'hosts' lists them.`
    const identity = this.identities.get(name)
    if (!identity) return `${name} was there from the beginning and has no key: croft host remove ${name}`
    this.leaving.add(host.id)
    try {
      await leaveCloud({ ...identity, link_urls: [linkUrlOf(this.parts.controller_url)] })
    } catch (error) {
      this.leaving.delete(host.id)
      return `${name}: ${error instanceof Error ? error.message : String(error)}`
    }
    this.end(host)
    return `${name}: is no host any more`
  }
}
