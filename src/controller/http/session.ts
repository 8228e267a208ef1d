import { sessionRoutes } from '../../api/session.ts'
import { deleteSession, exchangeSession, getSession } from '../app/session.ts'
import { signIn } from '../app/sign-in.ts'
import { credentialHash } from './authenticate.ts'
import { answer, handle } from './handle.ts'

export const sessionHandlers = [
  handle(sessionRoutes.create, async ({ cloud, caller, body }) => answer(await signIn(cloud, caller, body))),
  handle(sessionRoutes.get, async ({ cloud, caller, request }) =>
    answer(await getSession(cloud, caller, credentialHash(request))),
  ),
  handle(sessionRoutes.project, async ({ cloud, caller, request, body }) =>
    answer(await exchangeSession(cloud, caller, credentialHash(request), body.project)),
  ),
  handle(sessionRoutes.delete, async ({ cloud, caller, request }) =>
    answer(await deleteSession(cloud, caller, credentialHash(request))),
  ),
]
