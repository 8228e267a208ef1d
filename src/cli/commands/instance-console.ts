/** `croft instance console`: at the serial line, or by SPICE with a program on this machine. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import type { WebSocket } from 'ws'
import { consoleProtocol, type TypedState, typedStates } from '../../model/console.ts'
import { call, type Context, idOf, routeOf } from '../context.ts'
import { CommandFailed } from '../failure.ts'
import type { Shop } from '../shop.ts'

interface ConsoleOptions {
  spice?: boolean
  /** False with --no-viewer. */
  viewer: boolean
}

export function registerConsole(noun: Command, shop: Shop): void {
  const command = noun
    .command('console <instance>')
    .summary("Sit at the guest's serial console (leave with Ctrl-]), or at its screen with --spice")
    .description(
      "Sit at the guest's serial console. Leave with Ctrl-].\n\nWith --spice, sit at its screen with remote-viewer (the package virt-viewer), where the instance has SPICE: croft instance update NAME --graphics spice, then stop and start it. Its graphical console in the web UI needs neither.",
    )
    .option('--spice', 'show its screen in remote-viewer, by SPICE')
    .option('--no-viewer', 'with --spice: start no program, say where one can connect')
  command.action((name: string, { spice, viewer }: ConsoleOptions) => {
    const context = shop.contextOf(command)
    return spice ? sitBySpice(context, name, viewer) : sitAtSerial(context, name)
  })
}

const ctrl_right_bracket = 0x1d

async function sitAtSerial(context: Context, name: string): Promise<void> {
  const { watchLine } = await import('../../sdk/console.ts')
  const instance = await idOf(context, 'instance', name, { route: routeOf(context, 'instance', 'console') })
  const client = await context.client()
  const { url, view_only } = await call(context, 'instance', 'console', { params: { instance }, body: {} })
  const socket = await client.console(url, { hears: true })
  // A controller of before knows nothing of that: text is the guest's there.
  const hears = socket.protocol === consoleProtocol
  const { stdin, stdout } = process
  context.out.note(`Connected to ${name}${view_only ? ', to look on: you may not operate it' : ''}. Leave with Ctrl-].`)
  const typing = typeInto(socket)
  socket.on('message', (data: Buffer, is_binary) => {
    if (is_binary || !hears) return void stdout.write(data)
    const state = typedStates.find(one => one === data.toString())
    if (!state) return
    typing.told(state)
    if (state !== 'taken') context.out.note(`\r\n${typedNotices[state]}`)
  })
  let dead = false
  watchLine(socket, () => {
    dead = true
  })
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.on('data', typing.type)
  try {
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    // Why it ended, where it was not this end that did.
    if (code >= 4000) context.out.note(`\r\n${reason.toString()}`)
    const broke = code === broken && !typing.left
    if (dead || broke)
      throw new CommandFailed(
        'unreachable',
        dead ? `The line to ${client.url} is dead: nothing came back any more.` : `The line to ${client.url} broke.`,
        `The guest goes on. Sit down again: croft instance console ${name}`,
      )
  } finally {
    stdin.off('data', typing.type)
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.pause()
    context.out.note(`\r\nLeft the console of ${name}.`)
  }
}

/** As WebSockets say that a line broke (RFC 6455, 7.1.5). */
const broken = 1006

const typedNotices = {
  waiting: 'The guest does not read what is typed. It waits until the guest does.',
  dropped: 'The guest does not read what is typed, and more than 1 MiB waits for it: what came after that was dropped.',
} as const

/** A file that is piped in goes no faster, so that it can be held up before a guest that does not read drops some of it. */
const piece_bytes = 4096
const pause_ms = 20

/** What is typed; of a file piece by piece, and no more while the guest does not read. */
function typeInto(socket: WebSocket) {
  const { stdin } = process
  let waiting = false
  let pausing = false
  const goOn = () => {
    if (!waiting && !pausing) stdin.resume()
  }
  const typing = {
    left: false,
    told(state: TypedState) {
      waiting = state === 'waiting' && !stdin.isTTY
      goOn()
    },
    type(typed: Buffer) {
      const leave = stdin.isTTY ? typed.indexOf(ctrl_right_bracket) : -1
      const sent = leave < 0 ? typed : typed.subarray(0, leave)
      if (sent.length > 0) socket.send(sent, { binary: true })
      if (leave >= 0) {
        typing.left = true
        socket.close()
      }
      if (stdin.isTTY) return
      stdin.pause()
      pausing = true
      setTimeout(
        () => {
          pausing = false
          goOn()
        },
        (pause_ms * sent.length) / piece_bytes,
      )
    },
  }
  return typing
}

async function sitBySpice(context: Context, name: string, viewer: boolean): Promise<void> {
  const { serveSpice } = await import('../spice-relay.ts')
  const instance = await idOf(context, 'instance', name, { route: routeOf(context, 'instance', 'console') })
  const client = await context.client()
  const ticket = (viewer_id: string | null) =>
    call(context, 'instance', 'console', {
      params: { instance },
      body: { kind: 'spice', ...(viewer_id !== null && { viewer_id }) },
    })
  // What stands in its way is told before anything is made; this one is not used, and runs out.
  await ticket(null)
  const relay = await serveSpice({
    title: name,
    open: async viewer_id => {
      const { url, console_id } = await ticket(viewer_id)
      return { socket: await client.console(url), console_id }
    },
    said: text => context.out.note(text),
  })
  const stop = Promise.withResolvers<void>()
  const interrupt = () => stop.resolve()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    if (viewer) await Promise.race([show(relay.file), stop.promise])
    else {
      context.out.print(`${relay.url}\n`)
      context.out.note(`Connect with: remote-viewer ${relay.url} (settings: ${relay.file}). Leave with Ctrl-C.`)
      await stop.promise
    }
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await relay.close()
  }
}

/** Until the program ends. */
async function show(file: string): Promise<void> {
  const child = spawn('remote-viewer', [file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('exit', resolve)
  child.once('error', error =>
    reject(
      new CommandFailed(
        'failed',
        `remote-viewer cannot be started: ${error.message}.`,
        'Install the package virt-viewer, or use --no-viewer and connect with another SPICE client.',
      ),
    ),
  )
  const code = await promise
  if (code) throw new CommandFailed('failed', `remote-viewer ended with ${code}.`)
}
