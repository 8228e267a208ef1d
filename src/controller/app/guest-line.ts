/**
 * One question to a guest, by way of its host, and the answer. The host dials a socket for it, so that neither passes through the
 * database. Hosts and guests are not trusted: what comes is bounded, and is an answer to this question or none.
 */
import { createWebSocketStream } from 'ws'
import { readLine, writeLine } from '../../lib/line.ts'
import { CloudError } from '../../model/errors.ts'
import { answerBytes_max, type GuestAnswer, type GuestQuestion, readAnswer } from '../../protocol/guest.ts'
import type { Cloud } from '../cloud.ts'

export interface GuestAt {
  id: string
  name: string
  host_id: string | null
  host: string | null
}

/** Throws host_unreachable and unavailable; what the guest has against it is an answer. */
export async function askGuest(
  cloud: Cloud,
  at: GuestAt,
  question: GuestQuestion,
  within_ms: number,
): Promise<GuestAnswer> {
  const host = { id: at.host_id ?? '', name: at.host ?? '' }
  const socket = await cloud.streams.open(host, { kind: 'guest', instance_id: at.id })
  const line = createWebSocketStream(socket)
  // It ends what waits below.
  line.on('error', () => undefined)
  let late = false
  const timer = cloud.clock.after(within_ms, () => {
    late = true
    line.destroy()
  })
  let said: string | null
  try {
    await writeLine(line, JSON.stringify(question))
    said = await readLine(line, answerBytes_max)
  } catch {
    // The socket broke: the same as an end without an answer.
    said = null
  } finally {
    timer.cancel()
    line.destroy()
  }
  if (said === null) throw broken(at, question, late)
  const answer = readAnswer(said)
  if (answer && (answer.outcome === 'failed' || fits(question, answer))) return answer
  throw new CloudError('unavailable', `The host ${at.host} of ${at.name} gave an answer that is not understood.`)
}

const outcomes = { details: 'details', applications: 'applications', run: 'ran' } as const

const fits = ({ ask }: GuestQuestion, { outcome }: GuestAnswer) => outcomes[ask] === outcome

function broken({ name, host, host_id }: GuestAt, { ask }: GuestQuestion, late: boolean): CloudError {
  const what = late ? 'did not answer in time' : 'broke off before it had answered'
  const unknown = ask === 'run' ? ' Whether the command was run to its end is not known.' : ' Try again.'
  return new CloudError('host_unreachable', `The host ${host} of ${name} ${what}.${unknown}`, { host_id })
}
