/**
 * Joins this host to a controller: makes a key that never leaves the host, has it certified, keeps the outcome. With a one-time
 * token, which names the controller's certificate authority by fingerprint; or without one, by waiting until an operator has
 * approved this key. The key is on disk before anybody hears of it, so that whatever dies meanwhile, asking again is the same host.
 */
import 'reflect-metadata'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { cpus, hostname, machine, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { type Clock, realClock } from '../lib/clock.ts'
import {
  type FoundSummary,
  type JoinReply,
  type JoinRequest,
  joinPath,
  keyCode,
  parseJoinToken,
  registerPath,
  type RegisterRequest,
} from '../protocol/join.ts'
import { parseOsRelease } from './facts/parse.ts'
import { compareHardware, type HardwareId } from '../model/hardware-id.ts'
import { replaceFile } from './drivers/state-directory.ts'
import { forgetHardware, keepHardware, keptHardware, readHardware, saidOf } from './hardware.ts'
import { type Identity, readIdentity, writeIdentity } from './identity.ts'
import { fetchTrustedCa, type JoinController, JoinFailed, mayPass, post, wait_s } from './join-request.ts'
import { machineId } from './machine-id.ts'
import { hasWanted, keepUnconfirmed } from './unconfirmed.ts'

export interface JoinOptions {
  /** https://host[:port] of any controller. */
  readonly controller_url: string
  /** Without one this machine registers and waits for an operator. */
  readonly token?: string
  /** Without a token: SHA-256 of the controller's certificate authority (DER). */
  readonly ca_sha256?: Uint8Array
  readonly state_dir: string
  /** What the host is to be called; its hostname unless given. */
  readonly name?: string
  /** Which machine this is; as the system says unless given: for many simulated hosts on one machine. */
  readonly machine_id?: string
  /** By what else it is known; as it finds itself unless given. */
  readonly hardware?: HardwareId
  /** Called once, when an operator has to say yes. */
  readonly waiting?: (told: Waiting) => void
  /** Called when the controller does not answer while this machine waits; it asks again after `again_ms`. */
  readonly trouble?: (error: Error, again_ms: number) => void
  /** Ends the waiting. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

export interface Waiting {
  /** To be compared with the one that the operator sees. */
  readonly code: string
  readonly why: string
}

/** Between two questions there is at least `ask_ms_min`. */
const ask_ms_min = 5000
const again_ms_max = 60_000

/** Joining again is no error: the same host comes back, with a new key. Rejects with JoinFailed, or the signal's reason. */
export async function joinHost(options: JoinOptions): Promise<Identity> {
  const { state_dir } = options
  const controller = await findController(options)
  const name = options.name ?? hostname()
  const key = await keptKey(state_dir)
  const csr_pem = await requestOf(key.key_pem, name)
  const said = saidOf(options.hardware ?? (await readHardware()))
  const facts_summary = { hostname: name, machine_id: options.machine_id ?? (await machineId()), ...said }
  const asked: RegisterRequest = { csr_pem, facts_summary, found: await findings() }
  const reply = await ask(controller, asked, options, key.code)
  const identity: Identity = { ...reply, name: reply.name ?? name, key_pem: key.key_pem }
  const { before } = controller
  if (before !== null && before.host_id !== identity.host_id) {
    throw new JoinFailed(
      `This machine is host ${before.host_id} of another cloud. Its guests belong there: remove ${state_dir} first if they are no longer needed.`,
    )
  }
  // Before this machine is the host, by whichever file.
  if (!(await isOnItsOwn(state_dir, said.hardware)) && (await hasWanted(state_dir))) await keepUnconfirmed(state_dir)
  await writeIdentity(state_dir, identity)
  // What was kept before may be of the machine that this one replaces.
  if (said.hardware) await keepHardware(state_dir, said.hardware)
  else await forgetHardware(state_dir)
  await rm(join(state_dir, keyFile), { force: true })
  return identity
}

/** Whether this is for certain the machine that what is on its disk was wanted of. A note that is damaged says nothing. */
async function isOnItsOwn(state_dir: string, hardware: HardwareId = {}): Promise<boolean> {
  const kept = await keptHardware(state_dir).catch((): null => null)
  return kept !== null && compareHardware(kept, hardware) === 'same'
}

/** What an operator is shown of this machine. */
async function findings(): Promise<FoundSummary> {
  const said = (text: string) => text.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200)
  const release_file = await readFile('/etc/os-release', 'utf8').catch((): string => '')
  return {
    os: said(parseOsRelease(release_file)),
    kernel: said(release()),
    arch: said(machine()),
    cpu_model: said(cpus()[0]?.model ?? ''),
    cpus: cpus().length,
    memory_mib: Math.floor(totalmem() / 2 ** 20),
  }
}

type Asked = Pick<JoinOptions, 'controller_url' | 'token' | 'ca_sha256'>

/** Where to join, and whom to trust there. Asks nobody. Throws JoinFailed for what cannot be that by its form. */
export function readAsked({ controller_url, token, ca_sha256 }: Asked): { url: URL; ca_sha256: Uint8Array } {
  const read = token === undefined ? null : parseJoinToken(token)
  if (token !== undefined && read === null) {
    throw new JoinFailed('This is not a join token (croft1.….…). Make one with "croft host invite" and give it whole.')
  }
  const url = URL.parse(controller_url)
  if (url === null || url.hostname === '')
    throw new JoinFailed(
      `"${controller_url}" is not the URL of a controller, such as https://192.0.2.1:7071. "croft host invite" says which it is.`,
    )
  if (url.protocol !== 'https:') throw new JoinFailed('The controller is reached by https:// only.')
  const trusted = read?.ca_sha256 ?? ca_sha256
  if (trusted === undefined) throw new JoinFailed('It takes a token, or the fingerprint of the controller’s authority.')
  return { url, ca_sha256: trusted }
}

async function findController(options: JoinOptions): Promise<JoinController> {
  const { url, ca_sha256 } = readAsked(options)
  const ca_pem = await fetchTrustedCa(url, ca_sha256)
  const before = await readIdentity(options.state_dir).catch((): null => null)
  return { url: options.controller_url, ca_pem, before }
}

/** Asks until there is a certificate. */
async function ask(
  controller: JoinController,
  asked: RegisterRequest,
  options: JoinOptions,
  code: string,
): Promise<JoinReply> {
  const { signal, clock = realClock } = options
  const join: JoinRequest | null =
    options.token === undefined ? null : { ...asked, token: options.token.trim(), waits: true }
  let answer = join
    ? await post(controller, joinPath, join, signal)
    : await post(controller, registerPath, asked, signal)
  if ('state' in answer) options.waiting?.({ code, why: answer.why })
  for (let failures = 0; 'state' in answer; ) {
    const began_ms = clock.steady_ms()
    try {
      answer = await post(controller, registerPath, { ...asked, wait_s }, signal)
      failures = 0
      if ('state' in answer) await clock.sleep(Math.max(0, ask_ms_min - (clock.steady_ms() - began_ms)), signal)
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof JoinFailed) || !mayPass(error)) throw error
      const again_ms = Math.round(Math.min(again_ms_max, ask_ms_min * 2 ** failures++) * (0.5 + Math.random() / 2))
      options.trouble?.(error, again_ms)
      await clock.sleep(again_ms, signal)
    }
  }
  return answer
}

const keyFile = 'join-key.pem'

/** A key of this machine, the same until it has joined; and the code that people know it by. */
async function keptKey(state_dir: string): Promise<{ key_pem: string; code: string }> {
  const kept = await readFile(join(state_dir, keyFile), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  const key_pem = kept ?? newKey()
  if (kept === null) await replaceFile(state_dir, keyFile, key_pem)
  const spki = createPublicKey(key_pem).export({ type: 'spki', format: 'der' })
  return { key_pem, code: keyCode(createHash('sha256').update(spki).digest()) }
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' })
}

/** A PKCS #10 request, which the key signs. */
async function requestOf(key_pem: string, name: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const privateKey = createPrivateKey(key_pem).toCryptoKey(algorithm, true, ['sign'])
  const publicKey = createPublicKey(key_pem).toCryptoKey(algorithm, true, ['verify'])
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys: { privateKey, publicKey },
    signingAlgorithm: algorithm,
  })
  return csr.toString('pem')
}
