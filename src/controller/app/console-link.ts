/** Links by which somebody without an account looks on at a console. Tickets and viewers are console.ts's. */
import type { ConsoleLink, consoleLinkRoutes } from '../../api/console.ts'
import type { BodyOf, ReplyOf } from '../../api/route.ts'
import { linksMax } from '../../model/console.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { consoleLink } from '../store/console.ts'
import type { Ticket } from '../store/console-ticket.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'
import { by, type Caller } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { holds, issue, mustRun, newSecret, operated, sha256 } from './console.ts'

export async function listLinks(cloud: Cloud, caller: Caller, id: string): Promise<{ items: ConsoleLink[] }> {
  await operated(cloud, caller, id)
  return { items: await consoleLink.ofInstance(cloud.database.db, id) }
}

export async function createLink(
  cloud: Cloud,
  caller: Caller,
  id: string,
  { kind = 'graphical', minutes = 15 }: BodyOf<typeof consoleLinkRoutes.create>,
): Promise<ReplyOf<typeof consoleLinkRoutes.create>> {
  const at = await operated(cloud, caller, id)
  const link_id: string = makeId<never>(cloud)
  const { secret, secret_sha256 } = newSecret(cloud)
  const expires_at = new Date(cloud.clock.now_ms() + minutes * 60_000)
  // Without a key: the answer holds the secret, which must not be kept.
  return change(cloud, withoutKey(caller), async tx => {
    const { user_id } = caller
    // Who makes another one meanwhile is counted, too.
    await instance.lock(tx, id)
    await consoleLink.insert(tx, { id: link_id, instance_id: id, secret_sha256, user_id, kind, expires_at })
    const links = await consoleLink.ofInstance(tx, id)
    const made = links.find(one => one.id === link_id)
    if (links.length > linksMax || !made) {
      throw new CloudError(
        'conflict',
        `There are ${linksMax} links to ${at.name} already. Take one back, or wait until one runs out.`,
      )
    }
    await event.record(tx, [
      { noun: 'console-link', kind: 'created', resource_id: id, project_id: at.project_id, ...by(caller) },
    ])
    // After the #, so that no server and no log ever sees it.
    return { ...made, secret, url: `/ui/shared-console#${secret}` }
  })
}

export async function deleteLink(
  cloud: Cloud,
  caller: Caller,
  params: { instance: string; console_link: string },
): Promise<void> {
  const at = await operated(cloud, caller, params.instance)
  await change(cloud, caller, async tx => {
    if (!(await consoleLink.remove(tx, at.id, params.console_link))) throw notFound('console link', params.console_link)
    await event.record(tx, [
      { noun: 'console-link', kind: 'deleted', resource_id: at.id, project_id: at.project_id, ...by(caller) },
    ])
    return null
  })
}

/** Anybody who has the link. An unknown one, one that ran out and one taken back are told apart for nobody. */
export async function openLink(
  cloud: Cloud,
  { secret }: BodyOf<typeof consoleLinkRoutes.open>,
): Promise<ReplyOf<typeof consoleLinkRoutes.open>> {
  const { db } = cloud.database
  const link = await consoleLink.find(db, { secret_sha256: sha256(secret) })
  const at = link && (await instance.find(db, link.instance_id))
  const no = new CloudError(
    'not_found',
    'This link is not good, or not any more. Ask who gave it to you for a new one.',
  )
  if (!link || !at || at.deleted_at !== null) throw no
  const { instance_id, user_id, kind } = link
  const what: Ticket = {
    instance_id,
    user_id,
    kind,
    view_only: true,
    link_id: link.id,
    viewer_id: null,
    token_sha256: null,
  }
  if (!(await holds(cloud, { ...what, project_id: at.project_id }))) throw no
  mustRun(at)
  const ticket = await cloud.database.transaction(tx => issue(cloud, tx, what, 65_536))
  return { ...ticket, kind, instance: at.name }
}
