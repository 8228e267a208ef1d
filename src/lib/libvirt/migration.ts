/**
 * Moving a running domain, and the jobs that run on one meanwhile.
 *
 * The client leads (libvirt's migration protocol, version 3): begin on the source, prepare on the target, perform on the source,
 * finish on the target, confirm on the source, each a call to that host's own libvirtd, with the cookie that the call before
 * answered. Neither libvirtd speaks with the other. See libvirt.org/migration.html, and virDomainMigrate3 for the parameters.
 */
import { nothing, withFlags } from './domains.ts'
import { jobTypes, nameOf } from './names.ts'
import { remote } from './procedures.ts'
import { type DomainRef, type DomainTarget, readDomain, writeDomain } from './refs.ts'
import type { CallOptions, Rpc } from './rpc.ts'
import { readTypedParams, type TypedParam, type TypedValues, writeTypedParams } from './typed-params.ts'
import type { XdrReader } from './xdr.ts'

/** What one call hands to the next; only libvirt knows what is in it. */
export type Cookie = Buffer

/** REMOTE_MIGRATE_COOKIE_MAX. */
export const COOKIE_BYTES_MAX = 4 * 1024 * 1024

export class MigrationCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /**
   * virDomainMigrateBegin3Params, on the source: checks that the domain can go, and that `destination_xml` in `params` is
   * the same machine to the guest. With migrateFlag.change_protection nothing else changes the domain until confirm3, or until
   * this connection ends.
   */
  begin3(
    domain: DomainTarget,
    flags: number,
    params: readonly TypedParam[],
    options?: CallOptions,
  ): Promise<{ cookie: Cookie; xml: string }> {
    return this.#rpc.call(
      remote.domain_migrate_begin3_params,
      writer => {
        writeDomain(writer, domain)
        writeTypedParams(writer, params)
        writer.u32(flags)
      },
      body => ({ cookie: readCookie(body), xml: body.string() }),
      options,
    )
  }

  /**
   * virDomainMigratePrepare3Params, on the target: makes a process that waits for the guest of `destination_xml`. It ends when
   * this connection does without a finish3.
   */
  prepare3(
    cookie: Cookie,
    flags: number,
    params: readonly TypedParam[],
    options?: CallOptions,
  ): Promise<{ cookie: Cookie; uri: string | null }> {
    return this.#rpc.call(
      remote.domain_migrate_prepare3_params,
      writer => {
        writeTypedParams(writer, params)
        writer.opaque(cookie, COOKIE_BYTES_MAX).u32(flags)
      },
      body => ({ cookie: readCookie(body), uri: body.optionalString() }),
      options,
    )
  }

  /**
   * virDomainMigratePerform3Params, on the source: answers when all is sent and the guest is paused, which can take hours: give
   * it a long `timeout_ms`. Fails when it could not be sent; the guest goes on then.
   */
  perform3(
    domain: DomainTarget,
    cookie: Cookie,
    flags: number,
    params: readonly TypedParam[],
    options?: CallOptions,
  ): Promise<{ cookie: Cookie }> {
    return this.#rpc.call(
      remote.domain_migrate_perform3_params,
      writer => {
        writeDomain(writer, domain)
        writer.optionalString(null)
        writeTypedParams(writer, params)
        writer.opaque(cookie, COOKIE_BYTES_MAX).u32(flags)
      },
      body => ({ cookie: readCookie(body) }),
      options,
    )
  }

  /**
   * virDomainMigrateFinish3Params, on the target, of the domain that `destination_name` in `params` names: lets the guest
   * run, or with `cancelled` throws it away.
   */
  finish3(
    cookie: Cookie,
    flags: number,
    params: readonly TypedParam[],
    cancelled: boolean,
    options?: CallOptions,
  ): Promise<{ domain: DomainRef; cookie: Cookie }> {
    return this.#rpc.call(
      remote.domain_migrate_finish3_params,
      writer => {
        writeTypedParams(writer, params)
        writer.opaque(cookie, COOKIE_BYTES_MAX).u32(flags)
        writer.i32(cancelled ? 1 : 0)
      },
      body => ({ domain: readDomain(body), cookie: readCookie(body) }),
      options,
    )
  }

  /** virDomainMigrateConfirm3Params, on the source: ends the guest here, or with `cancelled` lets it go on here. */
  confirm3(
    domain: DomainTarget,
    cookie: Cookie,
    flags: number,
    params: readonly TypedParam[],
    cancelled: boolean,
    options?: CallOptions,
  ): Promise<void> {
    return this.#rpc.call(
      remote.domain_migrate_confirm3_params,
      writer => {
        writeDomain(writer, domain)
        writeTypedParams(writer, params)
        writer.opaque(cookie, COOKIE_BYTES_MAX).u32(flags)
        writer.i32(cancelled ? 1 : 0)
      },
      nothing,
      options,
    )
  }

  /** virDomainMigrateStartPostCopy: switches a migration that allows it over at once. */
  startPostCopy(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_migrate_start_post_copy, withFlags(domain, 0), nothing)
  }

  /** virDomainMigrateSetMaxDowntime: the longest pause at the switch-over that is aimed at. */
  setMaxDowntime(domain: DomainTarget, downtime_ms: number): Promise<void> {
    return this.#rpc.call(
      remote.domain_migrate_set_max_downtime,
      writer => {
        writeDomain(writer, domain)
        writer.u64(downtime_ms).u32(0)
      },
      nothing,
    )
  }

  /**
   * virDomainGetJobStats: how far the current job is ('time_elapsed', 'memory_remaining' …), or with jobStatsFlag.completed,
   * how the last one was, which is told once.
   */
  jobStats(
    domain: DomainTarget,
    flags = 0,
  ): Promise<{ job: (typeof jobTypes)[number] | 'unknown'; values: TypedValues }> {
    return this.#rpc.call(remote.domain_get_job_stats, withFlags(domain, flags), body => ({
      job: nameOf(jobTypes, body.i32()),
      values: readTypedParams(body, 64),
    }))
  }

  /** virDomainAbortJob. */
  abortJob(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_abort_job, writer => writeDomain(writer, domain), nothing)
  }
}

/** A copy: what is read is a view into the message. */
function readCookie(body: XdrReader): Cookie {
  return Buffer.from(body.opaque(COOKIE_BYTES_MAX))
}
