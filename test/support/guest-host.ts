/**
 * Guests for obedient hosts that can be asked: the agent's own desk, over sockets as it would dial them. Real guests have tests of
 * their own; this is for what stands between them and who asks.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws'
import { createGuestDesk } from '../../src/agent/guest-desk.ts'
import type { Hypervisor } from '../../src/agent/ports.ts'
import type { GuestDetails, GuestQuestion } from '../../src/protocol/guest.ts'
import { quiet } from '../unit/agent/fakes.ts'
import type { TestCloud } from './cloud.ts'
import type { ObedientHost } from './obedient-host.ts'

export interface GuestHost {
  /** What was asked, in order. */
  readonly asked: { id: string; question: GuestQuestion }[]
  /** How its guests answer. */
  answer: (question: GuestQuestion, gone: AbortSignal) => ReturnType<Hypervisor['askGuest']>
  /** In place of an answer: what it does with the socket. */
  instead: ((socket: Duplex) => void) | null
  close(): Promise<void>
}

/** As Debian says it. */
export const someDetails: GuestDetails = {
  agent_version: '7.2.22',
  runs_commands: true,
  os: {
    id: 'debian',
    name: 'Debian GNU/Linux 12 (bookworm)',
    version: '12',
    kernel: '6.1.0-40-cloud',
    machine: 'x86_64',
  },
  hostname: 'web',
  time_zone: { name: 'CET', offset_s: 3600 },
  interfaces: [{ name: 'ens3', mac: 'fa:16:3e:00:00:01', addresses: [{ address: '10.0.0.5', prefix: 16 }] }],
  users: [{ name: 'debian', domain: null, signed_in_ms: 1_700_000_000_000 }],
  file_systems: [
    { mount: '/', device: 'vda1', type: 'ext4', total_bytes: 20 * 1024 ** 3, used_bytes: 17 * 1024 ** 3 },
    { mount: '/boot/efi', device: 'vda15', type: 'vfat', total_bytes: 128 * 1024 ** 2, used_bytes: 12 * 1024 ** 2 },
  ],
}

/** `cloud`: the controller that asks. Takes the host's calls over. */
export async function serveGuestsOf(host: ObedientHost, cloud: TestCloud): Promise<GuestHost> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.on('connection', (socket, request) => {
    const token = (request.url ?? '').slice(1)
    if (!cloud.cloud.streams.arrive(host.id, token, socket)) socket.close()
  })
  const served: GuestHost = {
    asked: [],
    answer: async () => ({ outcome: 'details', details: someDetails }),
    instead: null,
    async close() {
      desk.stop()
      for (const socket of server.clients) socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
  const dial = (token: string): Promise<Duplex> =>
    new Promise(resolve => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/${token}`)
      // At once: the question may have come with the opening.
      socket.once('open', () => resolve(createWebSocketStream(socket)))
    })
  const desk = createGuestDesk({
    hypervisor: {
      askGuest: (id, question, gone) => {
        served.asked.push({ id, question })
        return served.answer(question, gone)
      },
    },
    dialler: { stream: (_, token) => dial(token) },
    projectOf: id => host.wanted.get(id)?.metadata.project_id ?? '',
    log: quiet,
  })
  host.onCall = params => {
    if (params.method !== 'guest') return { error: 'not here' }
    if (served.instead) void dial(params.token).then(served.instead)
    else void desk.serve(params)
    return { result: {} }
  }
  return served
}
