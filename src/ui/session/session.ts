/**
 * Who is signed in in this tab. The token lives in memory and in sessionStorage: another tab signs in for itself, and closing the
 * tab forgets it. Not its job: the sign-in page (sign-in.tsx).
 */
import { useSyncExternalStore } from 'react'
import type { Level } from '../../api/route.ts'
import type { Session } from '../../api/session.ts'
import type { Permission } from '../../model/permissions.ts'
import { browserWays } from '../../sdk/browser-transport.ts'
import { type ApiClient, clientOver } from '../../sdk/client.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { routes } from '../api/routes.ts'

export type SessionState =
  | { kind: 'starting' }
  /** `expired`: a token was there and is good for nothing any more. */
  | { kind: 'signed-out'; expired: boolean }
  /** `ended`: its token is good for nothing any more, and who it is has not left: what is typed is kept until they have signed in again. */
  | { kind: 'signed-in'; session: Session; client: ApiClient; ended?: true }

const key = 'croft.token'
/** The tokens that something goes on with, such as windows opened from this tab: they stay good, whatever it turns to, until it signs out. */
const lent_key = 'croft.lent'
const listeners = new Set<() => void>()
let state: SessionState = { kind: 'starting' }

function become(next: SessionState): void {
  state = next
  for (const listener of listeners) listener()
}

function clientWith(token?: string): ApiClient {
  return clientOver({ url: location.origin, token }, browserWays({ fetch: (url, asked) => fetch(url, asked) }))
}

/** At the start of the page: goes on with the tab's token if it still holds. Rejects when the controller cannot be reached. */
export async function resume(): Promise<void> {
  const token = sessionStorage.getItem(key)
  if (token === null) return become({ kind: 'signed-out', expired: false })
  await enter(token)
}

async function enter(token: string): Promise<void> {
  const client = clientWith(token)
  try {
    const session = await client.call(routes.session.get)
    sessionStorage.setItem(key, token)
    become({ kind: 'signed-in', session, client })
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401) throw error
    end()
  }
}

export async function signIn(
  user: string,
  password: string,
  domain: string | undefined,
  project: string | undefined,
): Promise<void> {
  const body = { user, password, ...(domain && { domain }), ...(project && { project }) }
  const { token } = await clientWith().call(routes.session.create, { body })
  await enter(token)
}

/** What has become of someone's rights; 'less': something may no longer be seen, whatever else may be now. */
export type Rights = 'same' | 'more' | 'less'

/** What the person may has changed, or may have. */
export async function readRights(): Promise<Rights> {
  if (state.kind !== 'signed-in') return 'same'
  const before = state
  const session = await before.client.call(routes.session.get)
  if (sessionState() !== before || JSON.stringify(session) === JSON.stringify(before.session)) return 'same'
  become({ ...before, session })
  const now = new Set(rightsIn(session))
  return rightsIn(before.session).every(right => now.has(right)) ? 'more' : 'less'
}

function rightsIn({ permissions: { system, domains, project, instances } }: Session): string[] {
  return [
    ...system.map(one => `system ${one}`),
    ...project.map(one => `project ${one}`),
    ...domains.flatMap(({ domain_id, permissions }) => permissions.map(one => `${domain_id} ${one}`)),
    ...instances.flatMap(({ instance_id, permissions }) => permissions.map(one => `${instance_id} ${one}`)),
  ]
}

/** Nobody has given them anything here: no role in the project worked in, nor above it, nor any instance of it. */
export function holdsNothing({ permissions: { system, domains, project, instances } }: Session): boolean {
  return system.length + domains.length + project.length + instances.length === 0
}

/**
 * Something was given to the person, or taken. Who held nothing goes to the first project in which that is different now, as the sign-in
 * would.
 */
export async function followRights(): Promise<Rights> {
  const changed = await readRights()
  if (state.kind !== 'signed-in' || !holdsNothing(state.session)) return changed
  const before = state
  const { items } = await before.client.call(routes.project.list, { query: { sort: 'name', limit: 50 } })
  const other = items.find(one => one.enabled && one.id !== before.session.project?.id)
  if (!other || sessionState() !== before) return changed
  await switchProject(other.id)
  return 'less'
}

/** A token for another project of the same person; the old one is given back, unless it is lent. */
export async function switchProject(project: string): Promise<void> {
  if (state.kind !== 'signed-in') return
  const before = state.client
  const held = sessionStorage.getItem(key)
  const { token } = await before.call(routes.session.project, { body: { project } })
  await enter(token)
  if (held !== null && lentTokens().includes(held)) return
  // Nobody waits for it; left alone it would end by itself.
  before.call(routes.session.delete).catch(() => undefined)
}

function lentTokens(): string[] {
  return sessionStorage.getItem(lent_key)?.split(' ') ?? []
}

/** A window of its own on this tab's session; it goes on when the tab turns to another project, and ends with its sign-out. */
export function openWindow(url: string, name: string, features: string): void {
  lend()
  // With an opener, so that the new window begins with a copy of this tab's storage (HTML, 7.2.2.1).
  window.open(url, name, features)
}

function lend(): void {
  const held = sessionStorage.getItem(key)
  if (held !== null) sessionStorage.setItem(lent_key, [...new Set([...lentTokens(), held])].join(' '))
}

/** For what goes on when the tab turns to another project, such as an upload; until it signs out. */
export function lentClient(): ApiClient {
  lend()
  return client()
}

export async function signOut(): Promise<void> {
  const before = state
  const held = sessionStorage.getItem(key)
  const lent = lentTokens().filter(token => token !== held)
  sessionStorage.removeItem(key)
  sessionStorage.removeItem(lent_key)
  become({ kind: 'signed-out', expired: false })
  // One that is good for nothing any more needs no giving back.
  for (const token of lent)
    clientWith(token)
      .call(routes.session.delete)
      .catch(() => undefined)
  if (before.kind === 'signed-in') await before.client.call(routes.session.delete)
}

/**
 * The API does not know the token of this client any more: sign in again, and go on where one was. Nothing, if the tab goes on with another
 * since: what was asked before it turned to another project is answered after the old token was given back.
 */
export function expire(of: ApiClient): void {
  if (state.kind === 'signed-in' && state.client === of) end()
}

function end(): void {
  sessionStorage.removeItem(key)
  if (state.kind !== 'signed-in') become({ kind: 'signed-out', expired: true })
  else if (!state.ended) become({ ...state, ended: true })
}

/** Of a session that has ended, what was kept of it is given up. */
export function leave(): void {
  become({ kind: 'signed-out', expired: true })
}

export function sessionState(): SessionState {
  return state
}

/** Until the returned function is called. */
export function onSession(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useSessionState(): SessionState {
  return useSyncExternalStore(onSession, sessionState)
}

/** Below the sign-in only. */
export function useSession(): Session {
  const now = useSessionState()
  if (now.kind !== 'signed-in') throw new Error('This part of the page is for those who are signed in.')
  return now.session
}

/** The same outside of drawing, such as in a definition's whyNot. */
export function sessionNow(): Session {
  if (state.kind !== 'signed-in') throw new Error('Nobody is signed in.')
  return state.session
}

export function client(): ApiClient {
  if (state.kind !== 'signed-in') throw new Error('Nobody is signed in.')
  return state.client
}

export interface Needing {
  level: Level
  needs: Permission | null
  on_instance?: Permission
}

/**
 * Whether a session holds a permission at a route's level; the server decides in the end. `id`: of the thing that it is to be
 * done with; without it, whether with any, such as an instance that was given singly.
 */
export function may({ permissions }: Session, { level, needs, on_instance }: Needing, id?: string): boolean {
  if (needs === null) return true
  const on_system = permissions.system.includes(needs)
  if (level === 'system') return on_system
  if (level === 'domain') return on_system || permissions.domains.some(one => one.permissions.includes(needs))
  if (on_system || permissions.project.includes(needs)) return true
  if (on_instance === undefined) return false
  return permissions.instances.some(
    one => (id === undefined || one.instance_id === id) && one.permissions.includes(on_instance),
  )
}

/** Whether the permission is held in this domain: by itself, from a domain above, or on the system. */
export function mayIn({ permissions }: Session, needs: Permission, domain_id: string | null): boolean {
  if (permissions.system.includes(needs)) return true
  return permissions.domains.some(one => one.domain_id === domain_id && one.permissions.includes(needs))
}

/** Only operates what is there; runs a project; runs the cloud. Decides how much of the UI there is. */
export type Persona = 'portal' | 'project' | 'operator'

export function personaOf({ permissions }: Session): Persona {
  if (permissions.system.includes('topology.read')) return 'operator'
  return permissions.project.includes('instance.manage') || permissions.project.includes('network.manage')
    ? 'project'
    : 'portal'
}
