/**
 * Calls that reach into a guest: its agent, addresses, console, channels and screen, and QEMU's monitor behind it.
 */
import { type Procedure, qemu, remote } from './procedures.ts'
import { type DomainTarget, writeDomain } from './refs.ts'
import type { CallOptions, Rpc } from './rpc.ts'
import { readTypedParams, type TypedValues } from './typed-params.ts'
import { LibvirtStream, type StreamOptions } from './stream.ts'
import type { XdrReader } from './xdr.ts'

/** virDomainGuestInfoTypes. */
const guestInfo = { os: 2 }

const addressSources = ['lease', 'agent', 'arp'] as const
/** Where the addresses come from: libvirt's own DHCP, the guest agent, or the host's ARP table. */
export type AddressSource = (typeof addressSources)[number]

export interface GuestInterface {
  name: string
  mac: string | null
  addresses: { family: 'ipv4' | 'ipv6'; address: string; prefix: number }[]
}

export interface AgentOptions {
  /** How long libvirtd waits for the guest agent; the call itself is given a little longer. Whole seconds on the wire. */
  timeout_ms?: number
}

export class GuestCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /**
   * virDomainQemuAgentCommand: the agent's answer to `{ execute, arguments }`, without its `return` envelope. Fails with
   * a LibvirtError for which isAgentUnavailable is true when the guest has no agent or it does not answer.
   */
  async agentCommand(
    domain: DomainTarget,
    command: string,
    args?: object,
    options: AgentOptions = {},
  ): Promise<unknown> {
    const seconds = Math.ceil((options.timeout_ms ?? 5_000) / 1000)
    const request = JSON.stringify(args ? { execute: command, arguments: args } : { execute: command })
    const answer = await this.#rpc.call(
      qemu.domain_agent_command,
      writer => {
        writeDomain(writer, domain)
        writer.string(request).i32(seconds).u32(0)
      },
      body => body.optionalString(),
      { timeout_ms: seconds * 1000 + 10_000 },
    )
    return unwrap(answer)
  }

  /**
   * virDomainAgentSetResponseTimeout: how long libvirtd waits for this guest's agent to answer any later call, until the
   * guest stops. Without it a guest that says it is there and then nothing holds one of libvirtd's workers for ever.
   */
  async setAgentTimeout(domain: DomainTarget, timeout_ms: number, options?: CallOptions): Promise<void> {
    await this.#rpc.call(
      remote.domain_agent_set_response_timeout,
      writer => {
        writeDomain(writer, domain)
        writer.i32(Math.ceil(timeout_ms / 1000)).u32(0)
      },
      body => body.i32(),
      options,
    )
  }

  /**
   * virDomainSetUserPassword, through the guest agent: `password` is plain text. The agent does not say why a guest refused,
   * for instance that it has no such user.
   */
  setUserPassword(domain: DomainTarget, user: string, password: string, options?: CallOptions): Promise<void> {
    return this.#rpc.call(
      remote.domain_set_user_password,
      writer => {
        writeDomain(writer, domain)
        writer.optionalString(user).optionalString(password).u32(0)
      },
      () => undefined,
      options,
    )
  }

  /** virDomainGetGuestInfo, through the guest agent: what it says of its system, such as `os.pretty-name`. */
  osInfo(domain: DomainTarget, options?: CallOptions): Promise<TypedValues> {
    return this.#rpc.call(
      remote.domain_get_guest_info,
      writer => {
        writeDomain(writer, domain)
        writer.u32(guestInfo.os).u32(0)
      },
      body => readTypedParams(body, 2048),
      options,
    )
  }

  /** virDomainQemuMonitorCommand with QMP: for reading what libvirt does not tell. Changing things marks the domain tainted. */
  async monitorCommand(domain: DomainTarget, command: string, args?: object): Promise<unknown> {
    const request = JSON.stringify(args ? { execute: command, arguments: args } : { execute: command })
    const answer = await this.#rpc.call(
      qemu.domain_monitor_command,
      writer => {
        writeDomain(writer, domain)
        writer.string(request).u32(0)
      },
      body => body.string(),
    )
    return unwrap(answer)
  }

  /** virDomainInterfaceAddresses. */
  interfaceAddresses(domain: DomainTarget, source: AddressSource, options?: CallOptions): Promise<GuestInterface[]> {
    return this.#rpc.call(
      remote.domain_interface_addresses,
      writer => {
        writeDomain(writer, domain)
        writer.u32(addressSources.indexOf(source)).u32(0)
      },
      body => body.array(2048, () => readInterface(body)),
      options,
    )
  }

  /**
   * virDomainOpenConsole: what the guest writes to a console or serial device can be read, and what is written goes to
   * the guest. `device` is an alias (serial0), by default the first console. Only one reader at a time: `consoleFlag.force`
   * ends the one before, `safe` refuses. Ends when the domain stops.
   */
  openConsole(
    domain: DomainTarget,
    device: string | null = null,
    flags = 0,
    options?: StreamOptions,
  ): Promise<LibvirtStream> {
    return this.#open(remote.domain_open_console, domain, device, flags, options)
  }

  /** virDomainOpenChannel: a virtio channel of the guest, by its target's name. */
  openChannel(
    domain: DomainTarget,
    name: string | null = null,
    flags = 0,
    options?: StreamOptions,
  ): Promise<LibvirtStream> {
    return this.#open(remote.domain_open_channel, domain, name, flags, options)
  }

  /** virDomainScreenshot: an image of a screen, of the type that libvirt says. */
  async screenshot(domain: DomainTarget, screen = 0): Promise<{ mime: string | null; stream: LibvirtStream }> {
    const { stream, result } = await LibvirtStream.open(
      this.#rpc,
      remote.domain_screenshot,
      'read',
      writer => {
        writeDomain(writer, domain)
        writer.u32(screen).u32(0)
      },
      body => body.optionalString(),
    )
    return { mime: result, stream }
  }

  async #open(
    procedure: Procedure,
    domain: DomainTarget,
    device: string | null,
    flags: number,
    options?: StreamOptions,
  ): Promise<LibvirtStream> {
    const { stream } = await LibvirtStream.open(
      this.#rpc,
      procedure,
      'both',
      writer => {
        writeDomain(writer, domain)
        writer.optionalString(device).u32(flags)
      },
      () => undefined,
      options,
    )
    return stream
  }
}

function readInterface(body: XdrReader): GuestInterface {
  return {
    name: body.string(),
    mac: body.optionalString(),
    addresses: body.array(2048, () => ({
      family: body.i32() === 0 ? 'ipv4' : 'ipv6',
      address: body.string(),
      prefix: body.u32(),
    })),
  }
}

/** QMP and the guest agent both answer `{ "return": … }`. */
function unwrap(answer: string | null): unknown {
  if (answer === null) return null
  const parsed: unknown = JSON.parse(answer)
  return parsed !== null && typeof parsed === 'object' && 'return' in parsed ? parsed.return : parsed
}
