/**
 * Calls about domains as such: find, define, start, stop, state, statistics, metadata. Each is one of libvirt's API
 * (virDomain…, named in its line), and fails as Rpc.call does. Flags are in flags.ts; 0 is libvirt's own default.
 */
import { metadataKinds, reasonOf, type StateReason, stateOf, type DomainState } from './names.ts'
import { remote } from './procedures.ts'
import { type DomainRef, type DomainTarget, readDomain, writeDomain, writeUuid } from './refs.ts'
import type { CallOptions, Rpc } from './rpc.ts'
import { readTypedParams, type TypedValues } from './typed-params.ts'
import type { XdrReader } from './xdr.ts'

export const DOMAIN_LIST_MAX = 16_384

export interface DomainInfo {
  state: DomainState
  max_memory_kib: number
  memory_kib: number
  vcpus: number
  /** CPU time used, in nanoseconds. */
  cpu_time_ns: bigint
}

export interface DomainMetadata {
  kind: (typeof metadataKinds)[number]
  /** XML for an element, else text; null removes it. */
  value: string | null
  /** For elements: the prefix to store it under, and the namespace that identifies it. */
  key?: string
  uri?: string
}

export class DomainCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /** virConnectListAllDomains. Without flags: every domain, running or not. */
  list(flags = 0): Promise<DomainRef[]> {
    return this.#rpc.call(
      remote.connect_list_all_domains,
      writer => writer.i32(1).u32(flags),
      body => {
        const domains = body.array(DOMAIN_LIST_MAX, () => readDomain(body))
        body.u32()
        return domains
      },
    )
  }

  /** virDomainLookupByUUIDString. Fails with no_domain. */
  lookupByUuid(uuid: string): Promise<DomainRef> {
    return this.#rpc.call(remote.domain_lookup_by_uuid, writer => writeUuid(writer, uuid), readDomain)
  }

  /** virDomainLookupByName. Fails with no_domain. */
  lookupByName(name: string): Promise<DomainRef> {
    return this.#rpc.call(remote.domain_lookup_by_name, writer => writer.string(name), readDomain)
  }

  /** virDomainDefineXMLFlags: stores the definition, or replaces that of the same UUID and name. */
  define(xml: string, flags = 0): Promise<DomainRef> {
    return this.#rpc.call(remote.domain_define_xml_flags, writer => writer.string(xml).u32(flags), readDomain)
  }

  /** virDomainCreateWithFlags: starts a defined domain. Fails with operation_invalid when it runs already. */
  start(domain: DomainTarget, flags = 0, options?: CallOptions): Promise<DomainRef> {
    const encode = withFlags(domain, flags)
    return this.#rpc.call(remote.domain_create_with_flags, encode, readDomain, options)
  }

  /** virDomainCreateXML: starts a transient domain, which is forgotten when it stops. */
  createTransient(xml: string, flags = 0, options?: CallOptions): Promise<DomainRef> {
    return this.#rpc.call(remote.domain_create_xml, writer => writer.string(xml).u32(flags), readDomain, options)
  }

  /** virDomainGetXMLDesc. */
  xml(domain: DomainTarget, flags = 0): Promise<string> {
    return this.#rpc.call(remote.domain_get_xml_desc, withFlags(domain, flags), body => body.string())
  }

  /** virDomainGetState. */
  state(domain: DomainTarget): Promise<{ state: DomainState; reason: StateReason }> {
    return this.#rpc.call(remote.domain_get_state, withFlags(domain, 0), body => {
      const state = stateOf(body.i32())
      return { state, reason: reasonOf(state, body.i32()) }
    })
  }

  /** virDomainGetInfo. */
  info(domain: DomainTarget): Promise<DomainInfo> {
    return this.#rpc.call(
      remote.domain_get_info,
      writer => writeDomain(writer, domain),
      body => ({
        state: stateOf(body.u32()),
        max_memory_kib: body.u64Number(),
        memory_kib: body.u64Number(),
        vcpus: body.u32(),
        cpu_time_ns: body.u64(),
      }),
    )
  }

  /** virDomainShutdownFlags: asks the guest to; whether and when it does is up to the guest, and comes as an event. */
  shutdown(domain: DomainTarget, flags = 0, options?: CallOptions): Promise<void> {
    return this.#rpc.call(remote.domain_shutdown_flags, withFlags(domain, flags), nothing, options)
  }

  /** virDomainReboot: asks the guest to. */
  reboot(domain: DomainTarget, flags = 0, options?: CallOptions): Promise<void> {
    return this.#rpc.call(remote.domain_reboot, withFlags(domain, flags), nothing, options)
  }

  /** virDomainReset: the reset button. */
  reset(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_reset, withFlags(domain, 0), nothing)
  }

  /** virDomainDestroyFlags: power off. A transient domain is gone afterwards. */
  destroy(domain: DomainTarget, flags = 0): Promise<void> {
    return this.#rpc.call(remote.domain_destroy_flags, withFlags(domain, flags), nothing)
  }

  /** virDomainUndefineFlags: forgets the definition; a domain that runs becomes transient. */
  undefine(domain: DomainTarget, flags = 0): Promise<void> {
    return this.#rpc.call(remote.domain_undefine_flags, withFlags(domain, flags), nothing)
  }

  /** virDomainSuspend: stops its vCPUs. */
  suspend(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_suspend, writer => writeDomain(writer, domain), nothing)
  }

  /** virDomainResume. */
  resume(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_resume, writer => writeDomain(writer, domain), nothing)
  }

  /** virDomainSetAutostart: whether libvirtd starts it when it starts itself on a booted host. */
  setAutostart(domain: DomainTarget, autostart: boolean): Promise<void> {
    const encode = (writer: Parameters<typeof writeDomain>[0]) => {
      writeDomain(writer, domain)
      writer.boolean(autostart)
    }
    return this.#rpc.call(remote.domain_set_autostart, encode, nothing)
  }

  /** virDomainGetAutostart. */
  autostart(domain: DomainTarget): Promise<boolean> {
    return this.#rpc.call(
      remote.domain_get_autostart,
      writer => writeDomain(writer, domain),
      body => body.i32() !== 0,
    )
  }

  /** virDomainSetMetadata. `flags`: affect. */
  setMetadata(domain: DomainTarget, metadata: DomainMetadata, flags = 0): Promise<void> {
    const { kind, value, key, uri } = metadata
    return this.#rpc.call(
      remote.domain_set_metadata,
      writer => {
        writeDomain(writer, domain)
        writer.i32(metadataKinds.indexOf(kind))
        writer.optionalString(value).optionalString(key).optionalString(uri).u32(flags)
      },
      nothing,
    )
  }

  /** virDomainGetMetadata. Fails with no_domain_metadata when there is none. `uri` is for elements. */
  metadata(domain: DomainTarget, kind: DomainMetadata['kind'], uri: string | null = null, flags = 0): Promise<string> {
    return this.#rpc.call(
      remote.domain_get_metadata,
      writer => {
        writeDomain(writer, domain)
        writer.i32(metadataKinds.indexOf(kind)).optionalString(uri).u32(flags)
      },
      body => body.string(),
    )
  }

  /**
   * virConnectGetAllDomainStats (of all domains) or virDomainListGetStats: the groups in `groups` (statsGroup; 0 is all),
   * by libvirt's names ('cpu.time', 'block.0.rd.bytes'; see virConnectGetAllDomainStats).
   */
  stats(
    groups = 0,
    flags = 0,
    domains: readonly DomainTarget[] = [],
  ): Promise<{ domain: DomainRef; values: TypedValues }[]> {
    return this.#rpc.call(
      remote.connect_get_all_domain_stats,
      writer => {
        writer.array(domains, domain => writeDomain(writer, domain))
        writer.u32(groups).u32(flags)
      },
      body =>
        body.array(DOMAIN_LIST_MAX, () => ({
          domain: readDomain(body),
          values: readTypedParams(body, DOMAIN_STATS_MAX),
        })),
    )
  }
}

/** More than libvirt's 4096 of old, which it has raised since; the message's size is the real limit. */
const DOMAIN_STATS_MAX = 262_144

/** The arguments of most calls: a domain and flags. */
export function withFlags(domain: DomainTarget, flags: number) {
  return (writer: Parameters<typeof writeDomain>[0]): void => {
    writeDomain(writer, domain)
    writer.u32(flags)
  }
}

/** For calls that answer with no more than that they worked. */
export function nothing(_body: XdrReader): void {}
