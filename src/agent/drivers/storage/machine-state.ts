/**
 * What a guest's machine remembers beside its disks: its firmware's variables (NVRAM) and what its TPM keeps. It belongs to the instance, not
 * to a definition in libvirt, and lies with the disks, in a folder for each instance, so that it is there wherever they are.
 *
 * NVRAM is written there by QEMU itself. A TPM's program (swtpm) keeps its state where libvirt says, which libvirt 9 does not let one
 * choose, and AppArmor lets it open nothing else; so it works in that folder, and what it writes is copied to the pool as it is written. `holder`
 * names the host whose folder is the newer of the two: that of the last one that ran it. With the pool alone, and not with a link into
 * it, two swtpms never work on one file, and a guest with a TPM moves live also in a pool that both hosts have (swtpm 0.7 cannot
 * hand its lock over).
 */
import { type FSWatcher, watch } from 'node:fs'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { SentMachine } from '../../../protocol/peer.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import { domainName } from '../libvirt/domain-xml.ts'
import { hasUefi, machineDirectory, nvramPath } from '../libvirt/firmware-xml.ts'
import { Failure, type Log, type MachineState } from '../../ports.ts'
import { exists, putInPlace, temporaryOf } from './disk-files.ts'
import { isCode } from './image-fetch.ts'

export interface MachineStateOptions {
  /** In the pool. */
  readonly directory: string
  /** libvirt's own: /var/lib/libvirt. */
  readonly libvirt_directory: string
  readonly host_id: string
  readonly arch: string
  readonly log: Log
  /** Rejects while the pool is not there. */
  ready(): Promise<void>
}

/** What it keeps over being switched off; swtpm's other files are of a guest that runs. */
const kept = 'tpm2-00.permall'
/** Larger than any firmware's (64 MiB on ARM, nearly all of it empty), or any TPM's. */
const nvram_bytes_max = 80 * 2 ** 20
const tpm_bytes_max = 2 ** 20

const zip = promisify(gzip)
const unzip = promisify(gunzip)

export function createMachineState(options: MachineStateOptions): MachineState & { close(): void } {
  const { directory, libvirt_directory, host_id, arch, log } = options
  const watchers = new Map<string, FSWatcher>()
  /** Of each instance one thing is done at a time. */
  const turns = new Map<string, Promise<unknown>>()

  const folderOf = (id: string) => machineDirectory(directory, id)
  const holderOf = (id: string) => join(folderOf(id), 'holder')
  const keptIn = (id: string) => join(folderOf(id), kept)
  /** As libvirt has it: by the domain's UUID, and the TPM's version. */
  const tpmOf = (id: string) => join(libvirt_directory, 'swtpm', id)
  const workingIn = (id: string) => join(tpmOf(id), 'tpm2', kept)
  /** Where libvirt kept NVRAM before it lay with the disks. */
  const oldNvramOf = (id: string) => join(libvirt_directory, 'qemu', 'nvram', `${domainName(id)}_VARS.fd`)

  function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(id) ?? Promise.resolve()).catch(() => undefined).then(work)
    turns.set(id, turn)
    const done = () => {
      if (turns.get(id) === turn) turns.delete(id)
    }
    turn.then(done, done)
    return turn
  }

  async function put(path: string, bytes: Buffer): Promise<void> {
    const fresh = path + temporaryOf(host_id)
    await writeFile(fresh, bytes, { mode: 0o600 })
    await putInPlace({ path, fresh })
  }

  const isHolder = async (id: string) => (await text(holderOf(id))) === host_id

  /** From where the TPM works to the pool. */
  async function copyOut(id: string): Promise<void> {
    const now = await bytesOf(workingIn(id))
    if (now === null || (await bytesOf(keptIn(id)))?.equals(now)) return
    await put(keptIn(id), now)
  }

  /** From the pool to where the TPM works; what an earlier life left there is of no use to anybody. */
  async function copyIn(id: string): Promise<void> {
    await rm(tpmOf(id), { recursive: true, force: true })
    const bytes = await bytesOf(keptIn(id))
    if (bytes === null) return
    await mkdir(join(tpmOf(id), 'tpm2'), { recursive: true, mode: 0o711 })
    // libvirt gives folder and file to whom swtpm runs as.
    await writeFile(workingIn(id), bytes, { mode: 0o600 })
  }

  function unwatch(id: string): void {
    watchers.get(id)?.close()
    watchers.delete(id)
  }

  function follow(id: string): void {
    if (watchers.has(id)) return
    const wrote = () =>
      void inTurn(id, async () => {
        await options.ready()
        if (await isHolder(id)) await copyOut(id)
      }).catch((error: unknown) =>
        log.error({ instance: id, error }, 'what a TPM keeps could not be copied to the pool'),
      )
    try {
      const watcher = watch(join(tpmOf(id), 'tpm2'), { persistent: false }, (_, name) => {
        if (name === kept) wrote()
      })
      watcher.on('error', () => unwatch(id))
      watchers.set(id, watcher)
    } catch (error) {
      log.error({ instance: id, error }, 'a TPM cannot be watched; what it keeps is copied when its guest is looked at')
    }
  }

  async function settle(id: string, runs: boolean): Promise<void> {
    await options.ready()
    if (!(await isHolder(id))) {
      // Whoever runs it holds it: it may have come from another host, or never have gone there.
      if (!runs) return unwatch(id)
      await mkdir(folderOf(id), { recursive: true, mode: 0o711 })
      await put(holderOf(id), Buffer.from(host_id))
    }
    if (runs) follow(id)
    else unwatch(id)
    await copyOut(id)
  }

  const hasTpm = ({ hardware }: WantedInstance) => hardware?.tpm !== undefined
  const hasAny = (instance: WantedInstance) => hasTpm(instance) || hasUefi(instance, arch)

  async function makeReady(instance: WantedInstance): Promise<void> {
    const { id } = instance
    if (!hasAny(instance)) return
    await options.ready()
    await mkdir(folderOf(id), { recursive: true, mode: 0o711 })
    const nvram = nvramPath(directory, id)
    if (hasUefi(instance, arch) && !(await exists(nvram)) && (await exists(oldNvramOf(id)))) {
      const fresh = nvram + temporaryOf(host_id)
      await copyFile(oldNvramOf(id), fresh)
      await putInPlace({ path: nvram, fresh })
    }
  }

  return {
    prepare: instance =>
      inTurn(instance.id, async () => {
        const { id } = instance
        await makeReady(instance)
        if (!hasTpm(instance)) return
        if ((await isHolder(id)) && (await exists(workingIn(id)))) await copyOut(id)
        else {
          unwatch(id)
          await copyIn(id)
        }
        await put(holderOf(id), Buffer.from(host_id))
      }),

    expect: instance =>
      inTurn(instance.id, async () => {
        await makeReady(instance)
        if (hasTpm(instance)) await rm(tpmOf(instance.id), { recursive: true, force: true })
      }),

    async keep(instance, runs) {
      if (!hasTpm(instance)) return
      const { id } = instance
      await inTurn(id, () => settle(id, runs)).catch((error: unknown) =>
        log.error({ instance: id, error }, 'what a TPM keeps could not be copied to the pool'),
      )
    },

    sent: (instance, kind) =>
      inTurn(instance.id, async (): Promise<SentMachine> => {
        const { id } = instance
        const with_tpm = hasTpm(instance) && kind === 'cold'
        if (with_tpm) await settle(id, false)
        const [nvram, tpm] = [await bytesOf(nvramPath(directory, id)), await bytesOf(keptIn(id))]
        return {
          ...(hasUefi(instance, arch) && nvram !== null && { nvram: (await zip(nvram)).toString('base64') }),
          ...(with_tpm && tpm !== null && { tpm: (await zip(tpm)).toString('base64') }),
        }
      }),

    arrived: (instance, { nvram, tpm }) =>
      inTurn(instance.id, async () => {
        const { id } = instance
        if (nvram !== undefined && hasUefi(instance, arch)) {
          await put(nvramPath(directory, id), await unpacked(nvram, nvram_bytes_max))
        }
        if (tpm !== undefined && hasTpm(instance)) await put(keptIn(id), await unpacked(tpm, tpm_bytes_max))
      }),

    remove: (id, shared) =>
      inTurn(id, async () => {
        unwatch(id)
        await rm(tpmOf(id), { recursive: true, force: true })
        await rm(oldNvramOf(id), { force: true })
        if (shared) return
        await options.ready()
        await rm(folderOf(id), { recursive: true, force: true })
      }),

    close() {
      for (const id of [...watchers.keys()]) unwatch(id)
    },
  }
}

async function bytesOf(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
}

async function text(path: string): Promise<string | null> {
  return (await bytesOf(path))?.toString().trim() ?? null
}

/** The other host is not trusted to say how large it is. */
async function unpacked(base64: string, bytes_max: number): Promise<Buffer> {
  try {
    return await unzip(Buffer.from(base64, 'base64'), { maxOutputLength: bytes_max })
  } catch (cause) {
    throw new Failure('What the source sends of the machine’s firmware or TPM cannot be read.', { cause })
  }
}
