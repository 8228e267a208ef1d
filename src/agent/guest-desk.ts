/**
 * Where a controller asks guests something: dials it, reads one question, has the guest answer, and writes what came. A guest that hangs
 * or floods takes its own time only: what is asked of one, and of all, is bounded. Not its job: asking (drivers).
 */
import type { Duplex } from 'node:stream'
import { readLine, writeLine } from '../lib/line.ts'
import { type GuestAnswer, type GuestQuestion, questionBytes_max, readQuestion } from '../protocol/guest.ts'
import type { AgentCall } from '../protocol/messages.ts'
import type { Hypervisor, LinkDialler, Log } from './ports.ts'

/** Commands under way in one guest, and questions to all guests of the host, of which a project has no more than it leaves to others. */
export const commandsOfGuest_max = 4
export const questions_max = 32
const question_ms = 10_000
/** All questions about a guest's details take no longer together. */
const details_ms = 15_000

type GuestCall = Extract<AgentCall, { method: 'guest' }>

export interface GuestDesk {
  /** Resolves once it is dialled; the rest goes on by itself. */
  serve(call: GuestCall): Promise<unknown>
  stop(): void
}

export function createGuestDesk(parts: {
  hypervisor: Pick<Hypervisor, 'askGuest'>
  dialler: Pick<LinkDialler, 'stream'>
  /** Whose a guest is. */
  projectOf(id: string): string
  log: Log
}): GuestDesk {
  const { hypervisor, dialler, log } = parts
  /** By whose guest each is about. */
  const open = new Map<Duplex, string>()
  const commands = new Map<string, number>()
  /** Who asks while another asks the same hears the same. */
  const details = new Map<string, Promise<GuestAnswer>>()

  async function run(id: string, question: GuestQuestion, gone: AbortSignal): Promise<GuestAnswer> {
    const under_way = commands.get(id) ?? 0
    if (under_way >= commandsOfGuest_max) return { outcome: 'failed', why: 'busy' }
    commands.set(id, under_way + 1)
    try {
      return await hypervisor.askGuest(id, question, gone)
    } finally {
      const left = (commands.get(id) ?? 1) - 1
      if (left > 0) commands.set(id, left)
      else commands.delete(id)
    }
  }

  function read(id: string, question: GuestQuestion): Promise<GuestAnswer> {
    const there = details.get(id)
    if (there) return there
    const asked = hypervisor.askGuest(id, question, AbortSignal.timeout(details_ms)).finally(() => details.delete(id))
    details.set(id, asked)
    return asked
  }

  /**
   * As many as are free (dynamic thresholds: Choudhury and Hahne, 1998): one project alone has half of all, two have a third each. Whatever
   * the others do, who asks nothing yet finds some free, and nothing has to be taken from anybody for that.
   */
  function hasRoom(project: string): boolean {
    const own = [...open.values()].filter(one => one === project).length
    return own < questions_max - open.size
  }

  async function answer(id: string, socket: Duplex, gone: AbortSignal, may: boolean): Promise<GuestAnswer> {
    if (!may) {
      socket.resume()
      return { outcome: 'failed', why: 'busy' }
    }
    const late = setTimeout(() => socket.destroy(), question_ms)
    const line = await readLine(socket, questionBytes_max).finally(() => clearTimeout(late))
    // What more comes is of nobody; unread it would hide that the other end is gone.
    socket.resume()
    const question = line === null ? null : readQuestion(line)
    if (question === null) return { outcome: 'failed', why: 'strange' }
    return question.ask === 'details' ? read(id, question) : run(id, question, gone)
  }

  async function carry(id: string, socket: Duplex): Promise<void> {
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    // Its error is its end, which is heard.
    socket.on('error', error => log.debug({ error, instance: id }, 'who asked a guest is gone'))
    const project = parts.projectOf(id)
    const may = hasRoom(project)
    if (may) open.set(socket, project)
    try {
      const said = await answer(id, socket, gone.signal, may).catch((error: unknown): GuestAnswer => {
        // Nothing of the error: it could hold what the guest, or who asked, has said.
        const name = error instanceof Error ? error.name : 'error'
        log.debug({ name, instance: id }, 'a guest could not be asked')
        return { outcome: 'failed', why: gone.signal.aborted ? 'lost' : 'silent' }
      })
      if (gone.signal.aborted) return
      await writeLine(socket, JSON.stringify(said))
      socket.end()
    } finally {
      open.delete(socket)
    }
  }

  return {
    async serve({ instance_id, url, token }) {
      const socket = await dialler.stream(url, token)
      carry(instance_id, socket).catch(error => {
        log.debug({ error, instance: instance_id }, 'an answer of a guest did not arrive')
        socket.destroy()
      })
      return {}
    },
    stop() {
      for (const socket of open.keys()) socket.destroy()
    },
  }
}
