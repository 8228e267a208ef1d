/** Management controllers to fence by: ipmi_sim of the OpenIPMI project, and a Redfish service over HTTPS. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fingerprintOf, issueServerCertificate, makeAuthority } from '../../src/lib/ca/ca.ts'
import type { Bmc, Power } from '../../src/controller/fencing/fence.ts'
import { scratch } from './scratch.ts'

export interface TestBmc {
  bmc: Bmc
  power(): Promise<Power>
  setPower(power: Power): Promise<void>
  close(): Promise<void>
}

const open = { cipher_suite: 3, certificate_sha256: null, ca_pem: null, system: null }

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** Told what of the chassis is read or set; keeps power in a file beside it. */
const chassis = `#!/bin/sh
cd "$(dirname "$0")" && shift
op=$1; shift
case $op in
get) for name; do if [ "$name" = power ]; then echo "power:$(cat power)"; else echo "$name:0"; fi; done ;;
set) while [ $# -gt 1 ]; do [ "$1" = power ] && [ ! -e stuck ] && echo "$2" > power; shift 2; done ;;
esac
`

/** ipmi_sim, with one user who may do all. (It lets every user do all, whatever its role.) */
export async function ipmiSim(): Promise<TestBmc & { folder: string }> {
  const folder = await scratch('croft-ipmi')
  const port = await freeUdpPort()
  const auths = ['callback', 'user', 'operator', 'admin'].map(who => `allowed_auths_${who} none md2 md5 straight`)
  const config = [
    'name "test"',
    'set_working_mc 0x20',
    'startlan 1',
    `addr 127.0.0.1 ${port}`,
    'priv_limit admin',
    ...auths,
    'guid a123456789abcdefa123456789abcdef',
    'endlan',
    `chassis_control "${folder}/chassis 0x20"`,
    'user 1 true "" "none" user 10 none md2 md5 straight',
    'user 2 true "croft" "right-Word1" admin 10 none md2 md5 straight',
  ]
  const machine = [
    'mc_setbmc 0x20',
    'mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr',
    'mc_enable 0x20',
  ]
  await mkdir(join(folder, 'state'))
  await writeFile(join(folder, 'lan.conf'), `${config.join('\n')}\n`)
  await writeFile(join(folder, 'sim.emu'), `${machine.join('\n')}\n`)
  await writeFile(join(folder, 'chassis'), chassis)
  await chmod(join(folder, 'chassis'), 0o755)
  await writeFile(join(folder, 'power'), '1\n')
  const argv = ['-c', join(folder, 'lan.conf'), '-f', join(folder, 'sim.emu'), '-s', join(folder, 'state'), '-n']
  const child: ChildProcess = spawn('ipmi_sim', argv, { stdio: 'ignore' })
  await once(child, 'spawn')
  await answers(port)
  return {
    folder,
    bmc: { ...open, kind: 'ipmi', address: '127.0.0.1', port, user: 'croft', password: 'right-Word1' },
    power: async () => ((await readFile(join(folder, 'power'), 'utf8')).trim() === '1' ? 'on' : 'off'),
    setPower: power => writeFile(join(folder, 'power'), power === 'on' ? '1\n' : '0\n'),
    async close() {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await rm(folder, { recursive: true })
    },
  }
}

/** Until it answers an RMCP presence ping (ASF 2.0, 3.2.4.2): nothing else says that it listens. */
async function answers(port: number): Promise<void> {
  const socket = createSocket('udp4')
  const ping = Buffer.from([6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 0, 0, 0])
  const answered = once(socket, 'message')
  // What is sent before it listens comes back as an error.
  socket.on('error', () => undefined)
  const timer = setInterval(() => socket.send(ping, port, '127.0.0.1'), 20)
  await answered
  clearInterval(timer)
  socket.close()
}

export interface RedfishTest extends TestBmc {
  /** 'METHOD path' of each request, with whether it carried a password. */
  asked: { what: string; authorised: boolean }[]
  /** Sets what is answered instead of what would be; undefined: nothing else. */
  instead: ((what: string) => { status: number; headers?: Record<string, string>; body?: string } | null) | null
  /** It accepts a reset and does nothing. */
  stuck: boolean
  ca_pem: string
  certificate_sha256: string
}

/** A Redfish service with one system, as DMTF's mockups have it. */
export async function redfishService(): Promise<RedfishTest> {
  const now_ms = Date.now()
  const authority = await makeAuthority('a test', { now_ms, days: 2 })
  const own = await issueServerCertificate(authority, ['127.0.0.1', 'localhost'], { now_ms, days: 1 })
  let power: Power = 'on'
  const made: Pick<RedfishTest, 'asked' | 'instead' | 'stuck'> = { asked: [], instead: null, stuck: false }
  const system = '/redfish/v1/Systems/1'
  const reset = `${system}/Actions/ComputerSystem.Reset`
  const right = `Basic ${Buffer.from('croft:right-Word1').toString('base64')}`
  const documents: Record<string, () => unknown> = {
    'GET /redfish/v1/Systems': () => ({ Members: [{ '@odata.id': system }] }),
    [`GET ${system}`]: () => ({
      PowerState: power === 'on' ? 'On' : 'Off',
      Actions: { '#ComputerSystem.Reset': { target: reset, 'ResetType@Redfish.AllowableValues': ['On', 'ForceOff'] } },
    }),
  }
  const server = https.createServer({ key: own.key_pem, cert: own.certificate_pem }, (request, response) => {
    const what = `${request.method} ${request.url}`
    made.asked.push({ what, authorised: request.headers.authorization !== undefined })
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const instead = made.instead?.(what)
      if (instead) return response.writeHead(instead.status, instead.headers).end(instead.body ?? '')
      if (request.headers.authorization !== right) return response.writeHead(401).end()
      if (what === `POST ${reset}`) {
        const { ResetType } = JSON.parse(Buffer.concat(parts).toString()) as { ResetType?: string }
        if (ResetType !== 'ForceOff') return response.writeHead(400).end()
        if (!made.stuck) power = 'off'
        return response.writeHead(204).end()
      }
      const document = documents[what]
      if (!document) return response.writeHead(404).end()
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document()))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const certificate_sha256 = fingerprintOf(own.certificate_pem).toString('hex')
  const ca_pem = authority.certificate_pem
  return Object.assign(made, {
    certificate_sha256,
    ca_pem,
    bmc: {
      ...open,
      kind: 'redfish' as const,
      address: '127.0.0.1',
      port,
      user: 'croft',
      password: 'right-Word1',
      ca_pem,
    },
    power: async () => power,
    setPower: async (next: Power) => void (power = next),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}
