/**
 * What lies between the hosts of a bed and stands for the world outside: a network namespace with one bridge, which has
 * the gateway's address. A host's cable is a veth pair made in here, so nothing ever appears in the machine's own network.
 */
import type { ChildProcess } from 'node:child_process'
import { hold, Inside } from './namespace.ts'

/** Hosts get .11 and up of this network; beds are separate namespaces, so all may use the same. */
const prefix = '10.210.0'

export class Fabric extends Inside {
  readonly gateway = `${prefix}.1`
  readonly #mtu: number

  private constructor(holder: ChildProcess, pid: number, mtu: number) {
    super(holder, pid, ['--net'], {})
    this.#mtu = mtu
  }

  static async create(mtu: number): Promise<Fabric> {
    const script = 'ip link set lo up && echo ready && exec sleep infinity'
    const { holder, pid } = await hold(['--net'], ['sh', '-c', script])
    const fabric = new Fabric(holder, pid, mtu)
    await fabric.ip([
      `link add fabric type bridge`,
      `link set fabric mtu ${mtu} up`,
      `address add ${fabric.gateway}/24 dev fabric`,
    ])
    return fabric
  }

  addressOf(number: number): string {
    return `${prefix}.${10 + number}`
  }

  /** Plugs the host whose process 1 is `pid` in: `eth0` there, `h<number>` here. */
  async plug(number: number, host: Inside): Promise<void> {
    const mac = `02:c0:f7:00:00:${number.toString(16).padStart(2, '0')}`
    const end = `h${number}`
    await this.ip([
      `link add ${end} mtu ${this.#mtu} type veth peer name eth0 address ${mac} mtu ${this.#mtu} netns ${host.pid}`,
      `link set ${end} master fabric up`,
    ])
    await host.must(['ip', '-batch', '-'], {
      input: [
        `address add ${this.addressOf(number)}/24 dev eth0`,
        'link set eth0 up',
        `route add default via ${this.gateway}`,
      ].join('\n'),
    })
    // A NIC that user-space Open vSwitch may take over: its frames cross AF_PACKET, where no unfinished checksum can.
    const off = ['tx', 'off', 'rx', 'off', 'gro', 'off', 'gso', 'off', 'tso', 'off']
    await Promise.all([this.must(['ethtool', '-K', end, ...off]), host.must(['ethtool', '-K', 'eth0', ...off])])
  }

  async unplug(number: number): Promise<void> {
    // The kernel takes the pair away by itself soon after the host has died: either way it is gone.
    await this.exec(['ip', 'link', 'delete', `h${number}`])
  }

  async setLink(number: number, state: 'up' | 'down'): Promise<void> {
    await this.ip([`link set h${number} ${state}`])
  }

  async ip(lines: readonly string[]): Promise<void> {
    await this.must(['ip', '-batch', '-'], { input: lines.join('\n') })
  }
}
