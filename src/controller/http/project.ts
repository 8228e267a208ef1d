import { projectRoutes } from '../../api/project.ts'
import { createProject, deleteProject, getProject, listProjects, updateProject } from '../app/project.ts'
import { answer, handle } from './handle.ts'

export const projectHandlers = [
  handle(projectRoutes.list, async ({ cloud, caller, query }) => answer(await listProjects(cloud, caller, query))),
  handle(projectRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getProject(cloud, caller, params.project)
    return answer(found, found.version)
  }),
  handle(projectRoutes.create, async ({ cloud, caller, body }) => answer(await createProject(cloud, caller, body))),
  handle(projectRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateProject(cloud, caller, params.project, body)
    return answer(changed, changed.version)
  }),
  handle(projectRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteProject(cloud, caller, params.project)),
  ),
]
