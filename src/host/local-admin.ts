/**
 * root on the controller's machine acts as the cloud's administrator: an API key that `croft up` makes with the first
 * password and keeps where only root can read it. (Whoever is root there owns database and keys anyway.)
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Config, joinAddress } from '../config.ts'
import { isLoopback } from '../model/loopback.ts'
import { apiKeyRoutes } from '../api/api-key.ts'
import { sessionRoutes } from '../api/session.ts'
import { type Client, createClient } from '../sdk/node-client.ts'
import { ApiProblem } from '../sdk/errors.ts'
import { isErrno } from '../lib/process.ts'
import { HostError } from './error.ts'
import { connectable, controllerState } from './services/controller.ts'

const key_file = (config: Pick<Config, 'state_dir'>) => path.join(config.state_dir, 'local-admin.key')
const password_file = (config: Pick<Config, 'state_dir'>) => path.join(controllerState(config), 'first-password')

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

export type ApiPlace = {
  /** http://127.0.0.1:7070 */
  url: string
  /** PEM; for https. */
  ca_pem?: string | undefined
  token?: string | undefined
}

/** How the controller of this machine is reached from here. */
export async function localPlace(config: Config): Promise<ApiPlace> {
  const { host, port } = config.listen
  const where = joinAddress({ host: connectable(host), port })
  if (isLoopback(host)) return { url: `http://${where}` }
  return { url: `https://${where}`, ca_pem: await readIfThere(path.join(controllerState(config), 'ca.pem')) }
}

export type LocalAdmin = {
  /** With a token, unless this machine was never given one. */
  place: ApiPlace
  /** Calls the API there. */
  client: Client
  /** The administrator's first password, to be shown once: it is removed from disk by `forgetPassword`. */
  first_password: string | undefined
  forgetPassword(): Promise<void>
}

/**
 * For root on the controller's machine; the controller must run. Without a key and without a first password (a database
 * from elsewhere), the place has no token.
 */
export async function localAdmin(config: Config): Promise<LocalAdmin> {
  const place = await localPlace(config)
  const first_password = await readIfThere(password_file(config))
  const forgetPassword = () => rm(password_file(config), { force: true })
  const at = (there: ApiPlace) => ({ place: there, client: createClient(there), first_password, forgetPassword })
  const kept = await readIfThere(key_file(config))
  if (kept !== undefined && (await works({ ...place, token: kept }))) return at({ ...place, token: kept })
  if (first_password === undefined) return at(place)
  return at({ ...place, token: await makeKey(config, place, first_password) })
}

/** A key of a database that was thrown away, or one that an administrator deleted, is good for nothing. */
async function works(place: ApiPlace): Promise<boolean> {
  try {
    await createClient(place).call(sessionRoutes.get)
    return true
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return false
    throw error
  }
}

async function makeKey(config: Config, place: ApiPlace, password: string): Promise<string> {
  const body = { user: 'admin', password, project: 'default' }
  const { token } = await createClient(place).call(sessionRoutes.create, { body })
  const signed_in = createClient({ ...place, token })
  const name = `local root ${new Date().toISOString().replaceAll(/[:T]/g, '-').slice(0, 19)}`
  const { secret } = await signed_in.call(apiKeyRoutes.create, { body: { name } })
  if (secret === null)
    throw new HostError(
      'the answer with the key of this machine was lost on the way, and a key is shown once',
      'Run it again: another key is made.',
    )
  await mkdir(config.state_dir, { recursive: true })
  await writeFile(key_file(config), `${secret}\n`, { mode: 0o600 })
  await signed_in.call(sessionRoutes.delete)
  return secret
}
