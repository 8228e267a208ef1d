/**
 * Power by Redfish (DMTF DSP0266; ComputerSystem.Reset and PowerState of DSP0268) over HTTPS. The server is not trusted
 * beyond its certificate: it is shown before any password is sent, redirects are not followed, answers are bounded, and
 * nothing that it writes is repeated to people.
 */
import * as http from 'node:http'
import { isIP } from 'node:net'
import * as tls from 'node:tls'
import type { Clock } from '../../lib/clock.ts'
import { type Bmc, FenceFailed, type FencingDriver, type Power } from './fence.ts'

const port_default = 443
const answer_bytes_max = 1024 * 1024
const systems_path = '/redfish/v1/Systems'

interface Answer {
  status: number
  body: Record<string, unknown>
}

/** A connection to exactly the server that is meant. Throws FenceFailed. */
function connect(bmc: Bmc, signal: AbortSignal): Promise<tls.TLSSocket> {
  const { address, certificate_sha256, ca_pem } = bmc
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: address,
      port: bmc.port ?? port_default,
      ...(isIP(address) === 0 && { servername: address }),
      ...(ca_pem !== null && { ca: ca_pem }),
      // With a fingerprint it is looked at here, before anything is sent; most BMCs sign their certificate themselves.
      rejectUnauthorized: certificate_sha256 === null,
    })
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    signal.addEventListener('abort', () => fail(silent(bmc)), { once: true })
    socket.on('error', error => fail(error instanceof FenceFailed ? error : connectionFault(bmc, error)))
    socket.once('secureConnect', () => {
      const shown = socket.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase() ?? ''
      if (certificate_sha256 === null || shown === certificate_sha256.toLowerCase()) return resolve(socket)
      fail(
        new FenceFailed(
          'refused',
          `The BMC at ${address} shows another certificate (SHA-256 ${shown}) than the one it is known by. If it was renewed, set its fingerprint anew.`,
        ),
      )
    })
  })
}

function silent(bmc: Bmc, cause?: unknown): FenceFailed {
  return new FenceFailed('silent', `The BMC at ${bmc.address} does not answer.`, { cause })
}

const certificateFaults = /^(CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERR_TLS_CERT)/

function connectionFault(bmc: Bmc, error: Error): FenceFailed {
  const code = 'code' in error ? String(error.code) : ''
  if (certificateFaults.test(code)) {
    const words = `The certificate of the BMC at ${bmc.address} is not to be trusted (${code}). Set its fingerprint, or the authority that signed it.`
    return new FenceFailed('refused', words, { cause: error })
  }
  if (code === 'ENOTFOUND')
    return new FenceFailed('refused', `The name ${bmc.address} of the BMC is not known.`, { cause: error })
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return new FenceFailed('failed', `What answers at ${bmc.address} does not speak TLS 1.2 or newer.`, {
      cause: error,
    })
  return silent(bmc, error)
}

/** One request on a connection of its own. */
async function ask(
  bmc: Bmc,
  method: 'GET' | 'POST',
  path: string,
  signal: AbortSignal,
  body?: unknown,
): Promise<Answer> {
  const socket = await connect(bmc, signal)
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    host: bmc.address.includes(':') ? `[${bmc.address}]` : bmc.address,
    accept: 'application/json',
    'odata-version': '4.0',
    authorization: `Basic ${Buffer.from(`${bmc.user}:${bmc.password}`).toString('base64')}`,
    connection: 'close',
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  }
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const sent = http.request({ method, path, headers, createConnection: () => socket })
      const fail = (error: Error) => reject(error instanceof FenceFailed ? error : silent(bmc, error))
      signal.addEventListener('abort', () => fail(silent(bmc)), { once: true })
      sent.on('error', fail)
      sent.on('response', response => readAnswer(bmc, response).then(resolve, fail))
      sent.end(text)
    })
  } finally {
    socket.destroy()
  }
}

async function readAnswer(bmc: Bmc, response: http.IncomingMessage): Promise<Answer> {
  const status = response.statusCode ?? 0
  if (status === 401 || status === 403)
    throw new FenceFailed(
      'refused',
      `The BMC at ${bmc.address} refuses user and password, or the user may not do this (HTTP ${status}).`,
    )
  if (status < 200 || status > 299) {
    const fault = status >= 500 ? 'failed' : 'refused'
    throw new FenceFailed(fault, `The BMC at ${bmc.address} answers with HTTP ${status}; redirects are not followed.`)
  }
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response) {
    bytes += (part as Buffer).length
    if (bytes > answer_bytes_max) throw noAnswer(bmc)
    parts.push(part as Buffer)
  }
  if (bytes === 0) return { status, body: {} }
  try {
    return { status, body: asObject(JSON.parse(Buffer.concat(parts).toString())) }
  } catch (cause) {
    throw noAnswer(bmc, cause)
  }
}

function noAnswer(bmc: Bmc, cause?: unknown): FenceFailed {
  return new FenceFailed('failed', `What the BMC at ${bmc.address} answers is not Redfish.`, { cause })
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

/** A path on the same server, and nothing else. */
function pathOf(value: unknown): string | null {
  return typeof value === 'string' && /^\/redfish\/v1\/[A-Za-z0-9._~%!$&'()*+,;=:@/-]{1,500}$/.test(value)
    ? value
    : null
}

async function systemPath(bmc: Bmc, signal: AbortSignal): Promise<string> {
  if (bmc.system !== null) return bmc.system
  const { body } = await ask(bmc, 'GET', systems_path, signal)
  const members = Array.isArray(body.Members) ? body.Members.map(one => pathOf(asObject(one)['@odata.id'])) : []
  const [only] = members
  if (only && members.length === 1) return only
  const words = `The BMC at ${bmc.address} has ${members.length} systems: set the path of the one that is this host.`
  throw new FenceFailed('refused', words)
}

type Within = <T>(bmc: Bmc, timeout_ms: number, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

function timeLimit(clock: Clock): Within {
  return async (bmc, timeout_ms, work) => {
    const limit = new AbortController()
    const timer = clock.after(timeout_ms, () => limit.abort(silent(bmc)))
    try {
      return await work(limit.signal)
    } finally {
      timer.cancel()
    }
  }
}

export function redfish(clock: Clock): FencingDriver {
  const within = timeLimit(clock)
  return {
    power: (bmc, timeout_ms) =>
      within(bmc, timeout_ms, async (signal): Promise<Power> => {
        const { body } = await ask(bmc, 'GET', await systemPath(bmc, signal), signal)
        // 'PoweringOn' and 'PoweringOff' are neither off nor sure.
        if (body.PowerState === 'Off') return 'off'
        if (typeof body.PowerState === 'string') return 'on'
        throw new FenceFailed('failed', `The BMC at ${bmc.address} does not say whether the power is on.`)
      }),
    cut: (bmc, timeout_ms) =>
      within(bmc, timeout_ms, async signal => {
        const path = await systemPath(bmc, signal)
        const { body } = await ask(bmc, 'GET', path, signal)
        const reset = asObject(asObject(body.Actions)['#ComputerSystem.Reset'])
        const target = pathOf(reset.target) ?? `${path}/Actions/ComputerSystem.Reset`
        const allowed = reset['ResetType@Redfish.AllowableValues']
        if (Array.isArray(allowed) && !allowed.includes('ForceOff'))
          throw new FenceFailed('refused', `The BMC at ${bmc.address} cannot force the power off.`)
        await ask(bmc, 'POST', target, signal, { ResetType: 'ForceOff' })
      }),
  }
}
