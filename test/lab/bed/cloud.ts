/**
 * A cloud on a test host, as its user has it: the CLI run there, and the API for what a test has to look at closely.
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { type Host as HostResource, hostRoutes } from '../../../src/api/host.ts'
import type { Instance } from '../../../src/api/instance.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { type Client, createClient } from '../../../src/sdk/node-client.ts'
import { ApiProblem, ConnectionFailed } from '../../../src/sdk/errors.ts'
import type { Fetch } from '../../../src/sdk/fetch.ts'
import type { Host } from './host.ts'
import { imageCache } from './image-cache.ts'
import type { Outcome } from './run.ts'

export const controller_url = 'http://127.0.0.1:7070'
/** Of the host's root, which `croft up` put into its first guest; every instance gets it unless it names others. */
export const ssh_key = '/var/lib/croft/ssh/id_ed25519'

const command_within_ms = 240_000
const wait_within_ms = 120_000

export class Cloud {
  readonly #host: Host
  #client: Client | undefined

  constructor(host: Host) {
    this.#host = host
  }

  /** Runs ./croft on the host. */
  async croft(...args: string[]): Promise<Outcome> {
    return await this.#host.exec(['./croft', ...args], { timeout_ms: command_within_ms, env: await imageCache() })
  }

  /** As `croft`, but fails the test unless it ends with 0; gives what it said. */
  async must(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.croft(...args)
    assert.equal(code, 0, `croft ${args.join(' ')}: ${stderr}\n${stdout}`)
    return stdout
  }

  /** The API as the local administrator. */
  async client(): Promise<Client> {
    if (this.#client) return this.#client
    const token = (await this.#host.must(['cat', '/var/lib/croft/local-admin.key'])).trim()
    this.#client = createClient({ url: controller_url, token, fetch: fetchOn(this.#host) })
    return this.#client
  }

  async instance(name: string): Promise<Instance> {
    const client = await this.client()
    const { items } = await client.call(instanceRoutes.list, { query: { name } })
    const [found] = items
    assert(found, `there is no instance ${name}`)
    return found
  }

  /** Waits for events until the instance is as `wanted` says; a controller that dies meanwhile is waited for, too. */
  async until(id: string, wanted: (instance: Instance) => boolean, what: string): Promise<Instance> {
    const client = await this.client()
    const signal = AbortSignal.timeout(wait_within_ms)
    let last: Instance | undefined
    for await (const _ of changes(client, id, signal)) {
      const found = await unlessGone(() => client.call(instanceRoutes.get, { params: { instance: id } }))
      last = found ?? last
      if (found && wanted(found)) return found
    }
    throw new Error(`the instance is not ${what} after ${wait_within_ms} ms: ${JSON.stringify(last)}`)
  }

  /** Waits for events of `resource_id` until `fits` says so. */
  async untilTrue(
    resource_id: string,
    fits: () => Promise<boolean>,
    what: string,
    within_ms = wait_within_ms,
  ): Promise<void> {
    const client = await this.client()
    const signal = AbortSignal.timeout(within_ms)
    for await (const _ of changes(client, resource_id, signal)) if (await fits()) return
    throw new Error(`no ${what} after ${within_ms} ms`)
  }

  /** Waits until it is in this state with nothing left to be done. */
  untilState(id: string, state: Instance['state']): Promise<Instance> {
    return this.until(id, found => found.state === state, state)
  }

  /** Waits for events until the host is in this state. */
  async untilHost(id: string, state: HostResource['state']): Promise<HostResource> {
    const client = await this.client()
    const signal = AbortSignal.timeout(wait_within_ms)
    for await (const _ of changes(client, id, signal)) {
      const found = await unlessGone(() => client.call(hostRoutes.get, { params: { host: id } }))
      if (found?.state === state) return found
    }
    throw new Error(`the host is not ${state} after ${wait_within_ms} ms`)
  }

  /** What the guest wrote on its console, from now on and before, until it matches. */
  async logged(id: string, pattern: RegExp, timeout_ms = wait_within_ms): Promise<RegExpExecArray> {
    const client = await this.client()
    const signal = AbortSignal.timeout(timeout_ms)
    const bytes = await client.stream(instanceRoutes.log, { params: { instance: id }, query: { follow: true }, signal })
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of bytes) {
        text += decoder.decode(chunk, { stream: true })
        const match = pattern.exec(text)
        if (match) return match
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    throw new Error(`the guest did not write ${pattern}; last: ${text.slice(-2000)}`)
  }

  /** The guest's serial console. */
  async console(id: string): Promise<Console> {
    const client = await this.client()
    const { url } = await client.call(instanceRoutes.console, { params: { instance: id } })
    const socket = new WebSocket(`${controller_url}${url}`.replace(/^http/, 'ws'), { agent: this.#host.agent })
    return await Console.of(socket)
  }

  ssh(address: string, command: string): Promise<Outcome> {
    return this.#host.sshTo(address, ssh_key, command)
  }

  /** What a command says in the guest; fails the test unless it ends with 0. On a busy machine a guest boots for a minute. */
  async mustSsh(address: string, command: string): Promise<string> {
    const { code, stdout, stderr } = await this.#host.sshTo(address, ssh_key, command, { timeout_ms: wait_within_ms })
    assert.equal(code, 0, `${command} in ${address}: ${stderr}`)
    return stdout.trim()
  }
}

/** What the controller answers; undefined while none does, or its host is off. */
export async function unlessGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ApiProblem && error.status < 500) throw error
    return undefined
  }
}

/** A console as a person would sit at it: types, and reads until something is there. */
export class Console {
  readonly #socket: WebSocket
  /** The code with which the other end closed it. */
  readonly closed: Promise<number>
  #seen = ''

  static of(socket: WebSocket): Promise<Console> {
    const { promise, resolve, reject } = Promise.withResolvers<Console>()
    const made = new Console(socket)
    socket.once('open', () => resolve(made))
    socket.once('error', reject)
    return promise
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.closed = new Promise(resolve => socket.once('close', resolve))
    socket.on('message', (data: Buffer) => {
      this.#seen += data.toString('latin1')
      socket.emit('seen')
    })
  }

  type(text: string): void {
    this.#socket.send(Buffer.from(text))
  }

  async says(pattern: RegExp, timeout_ms = 30_000): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
    const look = () => {
      const match = pattern.exec(this.#seen)
      if (match) resolve(match)
    }
    const fail = (why: string) => reject(new Error(`the console did not show ${pattern}${why}: ${this.#seen}`))
    const timer = setTimeout(() => fail(` within ${timeout_ms} ms`), timeout_ms)
    const closed = () => fail(' before it closed')
    this.#socket.on('seen', look).once('close', closed)
    look()
    return await promise.finally(() => {
      clearTimeout(timer)
      this.#socket.off('seen', look).off('close', closed)
    })
  }

  close(): void {
    this.#socket.close()
  }
}

/** Yields when something may have changed: at first, after each event, and when the connection is back. */
async function* changes(client: Client, resource_id: string, until: AbortSignal): AsyncGenerator<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([until, stop.signal])
  let bell = Promise.withResolvers<boolean>()
  const ring = () => bell.resolve(true)
  const follow = async () => {
    while (!signal.aborted) {
      try {
        for await (const _ of client.events({ resource_id, signal, on_open: ring })) ring()
      } catch {
        // A controller that is not there yet; nothing tells when it comes, so it is tried again soon.
        await delay(250)
      }
    }
    bell.resolve(false)
  }
  const following = follow()
  try {
    while (await bell.promise) {
      bell = Promise.withResolvers<boolean>()
      yield
    }
  } finally {
    stop.abort()
    await following
  }
}

/** The SDK's transport, with every connection made on the host. */
function fetchOn(host: Host): Fetch {
  return (url, asked) =>
    new Promise((resolve, reject) => {
      const { method, headers, signal, body } = asked
      const request = http.request(url, { agent: host.agent, method, headers, ...(signal && { signal }) })
      const failed = (error: Error & { code?: string }) =>
        reject(new ConnectionFailed(url, error.code ?? 'UNKNOWN', error.message, { cause: error }))
      request.on('error', failed).on('response', response => {
        const get = (name: string) => {
          const value = response.headers[name.toLowerCase()]
          return Array.isArray(value) ? value.join(', ') : (value ?? null)
        }
        resolve({ status: response.statusCode ?? 0, headers: { get }, body: response })
      })
      assert(typeof body !== 'object', 'lab tests send no bodies in pieces')
      request.end(body)
    })
}
