import { consoleLinkRoutes, consoleRoutes } from '../../api/console.ts'
import { endViewer, listViewers, updateViewer } from '../app/console.ts'
import { createLink, deleteLink, listLinks, openLink } from '../app/console-link.ts'
import { answer, handle } from './handle.ts'

export const consoleHandlers = [
  handle(consoleRoutes.list, async ({ cloud, caller, params }) =>
    answer(await listViewers(cloud, caller, params.instance)),
  ),
  handle(consoleRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateViewer(cloud, caller, params, body.view_only)),
  ),
  handle(consoleRoutes.delete, async ({ cloud, caller, params }) => answer(await endViewer(cloud, caller, params))),
  handle(consoleLinkRoutes.list, async ({ cloud, caller, params }) =>
    answer(await listLinks(cloud, caller, params.instance)),
  ),
  handle(consoleLinkRoutes.create, async ({ cloud, caller, params, body }) =>
    answer(await createLink(cloud, caller, params.instance, body)),
  ),
  handle(consoleLinkRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteLink(cloud, caller, params)),
  ),
  handle(consoleLinkRoutes.open, async ({ cloud, body }) => answer(await openLink(cloud, body))),
]
