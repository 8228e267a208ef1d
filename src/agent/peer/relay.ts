/** The agent's hold on a relay process (relay-main.ts): starts it, gives it orders, hears it, ends it. */
import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import type { RelayOrder, RelayWord } from './relay-words.ts'

const program = join(import.meta.dirname, 'relay-main.ts')

/** 'gone': it has ended, whyever; nothing comes after that. */
export class Relay extends EventEmitter<{ word: [word: RelayWord]; gone: [] }> {
  readonly #child: ChildProcess
  #gone = false

  /** `cache_dir`: where Node keeps what it made of the program, which it otherwise makes anew while the move waits. */
  constructor(cache_dir: string) {
    super()
    this.setMaxListeners(0)
    // Nothing of the agent's own arguments and environment is of use there.
    const env = { NODE_COMPILE_CACHE: cache_dir }
    this.#child = fork(program, [], { execArgv: [], env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', word => this.emit('word', word as RelayWord))
    this.#child.once('error', () => this.#ended())
    this.#child.once('exit', () => this.#ended())
  }

  get gone(): boolean {
    return this.#gone
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  order(order: RelayOrder): void {
    if (this.#child.connected) this.#child.send(order, () => undefined)
  }

  /** What passes through it ends, unless it was told to outlive the agent. */
  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  /** The next word that `pick` makes something of; rejects when the relay ends or fails first. */
  until<T>(pick: (word: RelayWord) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.off('word', hear)
        this.off('gone', ended)
      }
      const ended = () => {
        stop()
        reject(new Error('the relay process has ended'))
      }
      const hear = (word: RelayWord) => {
        const picked = pick(word)
        if (picked === undefined && word.on !== 'failed') return
        stop()
        if (picked === undefined) reject(new Error(word.on === 'failed' ? word.reason : 'the relay failed'))
        else resolve(picked)
      }
      if (this.#gone) return reject(new Error('the relay process has ended'))
      this.on('word', hear)
      this.on('gone', ended)
    })
  }

  #ended(): void {
    if (this.#gone) return
    this.#gone = true
    this.emit('gone')
  }
}
