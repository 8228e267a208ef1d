/** `croft instance console`: at the serial line, or by SPICE with a program on this machine. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import { call, type Context, idOf } from '../context.ts'
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
  const instance = await idOf(context, 'instance', name)
  const client = await context.client()
  const { url, view_only } = await call(context, 'instance', 'console', { params: { instance }, body: {} })
  const socket = await client.console(url)
  const { stdin, stdout } = process
  context.out.note(`Connected to ${name}${view_only ? ', to look on: you may not operate it' : ''}. Leave with Ctrl-].`)
  const type = (typed: Buffer) => {
    const leave = stdin.isTTY ? typed.indexOf(ctrl_right_bracket) : -1
    const sent = leave < 0 ? typed : typed.subarray(0, leave)
    if (sent.length > 0) socket.send(sent, { binary: true })
    if (leave >= 0) socket.close()
  }
  socket.on('message', (data: Buffer) => stdout.write(data))
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.on('data', type)
  try {
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    // Why it ended, where it was not this end that did.
    if (code >= 4000) context.out.note(`\r\n${reason.toString()}`)
  } finally {
    stdin.off('data', type)
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.pause()
    context.out.note(`\r\nLeft the console of ${name}.`)
  }
}

async function sitBySpice(context: Context, name: string, viewer: boolean): Promise<void> {
  const { serveSpice } = await import('../spice-relay.ts')
  const instance = await idOf(context, 'instance', name)
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
  const failed = once(child, 'error').then(([error]) => {
    throw new CommandFailed(
      'failed',
      `remote-viewer cannot be started: ${String(error)}.`,
      'Install the package virt-viewer, or use --no-viewer and connect with another SPICE client.',
    )
  })
  const [code] = (await Promise.race([once(child, 'exit'), failed])) as [number | null]
  if (code) throw new CommandFailed('failed', `remote-viewer ended with ${code}.`)
}
