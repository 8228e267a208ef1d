/**
 * A guest under QEMU for these tests: its serial console as events, its monitor, its end. Started directly, without
 * libvirt, and on the emulator, so that it runs anywhere.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'

export interface GuestOptions {
  disk: string
  /** For the monitor's socket; short, as socket paths must be. */
  dir: string
  machine?: 'q35' | 'pc'
  /** How the disk is attached. */
  bus?: 'virtio' | 'scsi' | 'ide'
  memory_mib?: number
  /** Further arguments of QEMU, such as a second drive or the network. */
  args?: readonly string[]
}

export class Guest {
  readonly #child: ChildProcess
  readonly #monitor_path: string
  readonly #waiting = new Set<() => void>()
  readonly exited: Promise<number | null>
  /** Everything the guest wrote on its console. */
  output = ''
  #ended = false
  readonly started_at_ms = performance.now()

  constructor(options: GuestOptions) {
    this.#monitor_path = join(options.dir, `qmp-${Math.random().toString(36).slice(2, 8)}`)
    const drive = `file=${options.disk},format=qcow2,id=root,cache=unsafe`
    const disk = {
      virtio: ['-drive', `${drive},if=virtio`],
      scsi: ['-device', 'virtio-scsi-pci', '-drive', `${drive},if=none`, '-device', 'scsi-hd,drive=root'],
      ide: ['-drive', `${drive},if=ide`],
    }[options.bus ?? 'virtio']
    this.#child = spawn(
      'qemu-system-x86_64',
      ['-machine', `${options.machine ?? 'q35'},accel=tcg`, '-cpu', 'qemu64', '-m', String(options.memory_mib ?? 128)]
        .concat('-display', 'none', '-nodefaults', '-serial', 'stdio', ...disk)
        .concat('-qmp', `unix:${this.#monitor_path},server=on,wait=off`, options.args ?? []),
      { stdio: ['pipe', 'pipe', 'pipe'] },
    )
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('exit', code => {
        this.#ended = true
        this.#wake()
        resolve(code)
      })
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('latin1').on('data', (text: string) => {
        this.output += text
        this.#wake()
      })
    }
  }

  type(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Resolves with the match once the console shows it after `from` (a position in `output`); rejects when it cannot. */
  async says(pattern: RegExp, timeout_ms = 60_000, from = 0): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(timeout_ms)
    for (;;) {
      const match = pattern.exec(this.output.slice(from))
      if (match) return match
      if (this.#ended || deadline.aborted) {
        const why = this.#ended ? 'ended' : `ran for ${timeout_ms} ms`
        throw new Error(`the guest ${why} without saying ${pattern}; last:\n${this.output.slice(-2000)}`)
      }
      await new Promise<void>(resolve => {
        this.#waiting.add(resolve)
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** One command to QEMU's monitor. */
  async monitor(execute: string, values: object = {}): Promise<void> {
    const socket = createConnection(this.#monitor_path)
    await once(socket, 'connect')
    socket.setEncoding('utf8').write(`{"execute":"qmp_capabilities"}\n`)
    socket.write(`${JSON.stringify({ execute, arguments: values, id: 'asked' })}\n`)
    let answer = ''
    for await (const text of socket) {
      answer += text
      if (/"id": *"asked"/.test(answer)) break
    }
    socket.destroy()
    if (/"error"/.test(answer)) throw new Error(`QEMU refused ${execute}: ${answer}`)
  }

  async kill(): Promise<void> {
    if (!this.#ended) this.#child.kill('SIGKILL')
    await this.exited
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** User-mode network that reaches nothing but what is forwarded to and from loopback. */
export function restrictedNetwork(forwards: {
  ssh_port?: number
  http_port?: number
  metadata_port?: number
}): string[] {
  const parts = ['user', 'id=n0', 'restrict=on', 'net=169.254.0.0/16', 'host=169.254.0.2', 'dhcpstart=169.254.0.15']
  if (forwards.ssh_port) parts.push(`hostfwd=tcp:127.0.0.1:${forwards.ssh_port}-:22`)
  if (forwards.http_port) parts.push(`hostfwd=tcp:127.0.0.1:${forwards.http_port}-:80`)
  if (forwards.metadata_port)
    parts.push(`guestfwd=tcp:169.254.169.254:80-cmd:busybox nc 127.0.0.1 ${forwards.metadata_port}`)
  return ['-netdev', parts.join(','), '-device', 'virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56,romfile=']
}
