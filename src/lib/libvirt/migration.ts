/** Live migration, led by the source's libvirtd (peer to peer), and the jobs that run on a domain meanwhile. */
import { nothing, withFlags } from './domains.ts'
import { migrateFlag } from './flags.ts'
import { jobTypes, nameOf } from './names.ts'
import { remote } from './procedures.ts'
import { type DomainTarget, writeDomain } from './refs.ts'
import type { CallOptions, Rpc } from './rpc.ts'
import { readTypedParams, type TypedParam, type TypedValues, writeTypedParams } from './typed-params.ts'

export class MigrationCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /**
   * virDomainMigrateToURI3: moves the domain to the libvirtd at `uri`, which the source's libvirtd must be able to reach
   * by itself. Answers when it is over, which can take minutes: give it a long `timeout_ms`. `params` by libvirt's names
   * (migrate_uri, bandwidth, destination_xml …).
   */
  toUri(
    domain: DomainTarget,
    uri: string,
    flags: number,
    params: readonly TypedParam[] = [],
    options?: CallOptions,
  ): Promise<void> {
    return this.#rpc.call(
      remote.domain_migrate_perform3_params,
      writer => {
        writeDomain(writer, domain)
        writer.optionalString(uri)
        writeTypedParams(writer, params)
        writer.opaque(new Uint8Array()).u32((flags | migrateFlag.peer2peer) >>> 0)
      },
      body => {
        body.opaque()
      },
      options,
    )
  }

  /** virDomainMigrateStartPostCopy: switches a migration that allows it over at once. */
  startPostCopy(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_migrate_start_post_copy, withFlags(domain, 0), nothing)
  }

  /** virDomainGetJobStats: how far the current job is ('time_elapsed', 'memory_remaining' …). */
  jobStats(domain: DomainTarget): Promise<{ job: (typeof jobTypes)[number] | 'unknown'; values: TypedValues }> {
    return this.#rpc.call(remote.domain_get_job_stats, withFlags(domain, 0), body => ({
      job: nameOf(jobTypes, body.i32()),
      values: readTypedParams(body, 64),
    }))
  }

  /** virDomainAbortJob. */
  abortJob(domain: DomainTarget): Promise<void> {
    return this.#rpc.call(remote.domain_abort_job, writer => writeDomain(writer, domain), nothing)
  }
}
