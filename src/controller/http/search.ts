import { searchRoutes } from '../../api/search.ts'
import { find } from '../app/search.ts'
import { answer, handle } from './handle.ts'

export const searchHandlers = [
  handle(searchRoutes.find, async ({ cloud, caller, query }) => answer(await find(cloud, caller, query))),
]
