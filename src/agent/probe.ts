/**
 * Whether another machine lives, for a controller that does not hear of it any more: a connection by TCP is accepted, or refused by a
 * kernel that is there, or nothing comes back. Nothing is sent over it. Needs no rights, unlike ICMP, and cannot mistake a
 * dead agent for a dead machine.
 */
import { connect } from 'node:net'
import type { ProbeOutcome } from '../protocol/messages.ts'

export interface ProbeAsked {
  address: string
  ports: readonly number[]
  timeout_ms: number
}

/** How `probe` reaches other machines; the simulation has its own way. */
export type Probe = (asked: ProbeAsked) => Promise<ProbeOutcome>

type Reached = ProbeOutcome['reached']

function reach(address: string, port: number, timeout_ms: number): Promise<Reached> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port })
    const end = (reached: Reached) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reached)
    }
    const timer = setTimeout(() => end('none'), timeout_ms)
    socket.once('connect', () => end('service'))
    // Refused by the machine itself. What routers on the way say (EHOSTUNREACH, ENETUNREACH) is no sign of its life.
    socket.on('error', error => end('code' in error && error.code === 'ECONNREFUSED' ? 'machine' : 'none'))
  })
}

/** All ports at once; the first sign of life is the answer. */
export const probeByTcp: Probe = async ({ address, ports, timeout_ms }) => {
  const asked = ports.map(port => reach(address, port, timeout_ms))
  const alive = asked.map(one =>
    one.then(reached => (reached === 'none' ? Promise.reject(new Error('none')) : reached)),
  )
  return { reached: await Promise.any(alive).catch((): Reached => 'none') }
}
