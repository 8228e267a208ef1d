/** A controller asked over HTTP, with what tests of networks need beside it: a second project, instances, shorthands. */
import assert from 'node:assert/strict'
import { testCloud } from './cloud.ts'
import { addInstances, callerIn, id } from './network.ts'
import { preparePorts } from '../../src/controller/app/instance-ports.ts'
import { project } from '../../src/controller/store/project.ts'

export async function networkCloud() {
  const there = await testCloud()
  const { cloud, project_id } = there
  const { database } = cloud
  /** A user with a role in the project alone. */
  async function memberOf(in_project: string, role = 'member'): Promise<string> {
    const user_id = String(id())
    const { id: role_id } = await database.db
      .selectFrom('role')
      .select('id')
      .where('name', '=', role)
      .executeTakeFirstOrThrow()
    await database.db
      .insertInto('user')
      .values({
        id: user_id,
        domain_id: there.domain_id,
        name: user_id,
        email: null,
        password_hash: null,
        default_project_id: null,
      })
      .execute()
    await database.db
      .insertInto('role_grant')
      .values({ id: id(), user_id, role_id, scope: 'project', domain_id: null, project_id: in_project })
      .execute()
    return await there.tokenOf(user_id, in_project)
  }
  const other_project_id = String(id())
  await database.transaction(tx =>
    project.insert(tx, { id: other_project_id, domain_id: there.domain_id, name: 'other', description: '' }),
  )
  const member = await memberOf(project_id)
  const stranger = await memberOf(other_project_id)

  /** Asks, and fails unless the status is the one expected; the body. */
  async function ask(
    method: string,
    path: string,
    expected: number,
    body?: unknown,
    options: { token?: string; headers?: Record<string, string> } = {},
  ) {
    const answered = await there.request(method, `/v1/${path}`, {
      token: member,
      ...options,
      ...(body !== undefined && { body }),
    })
    assert.equal(answered.status, expected, `${method} ${path}: ${JSON.stringify(answered.body)}`)
    // oxlint-disable-next-line typescript/no-explicit-any -- answers of every noun; a wrong guess fails the test
    return answered.body as Record<string, any>
  }
  const as = (token: string) => ({ token })
  return {
    ...there,
    member,
    stranger,
    other_project_id,
    memberOf,
    ask,
    as,
    post: (path: string, body: unknown, options = {}) => ask('POST', path, 201, body, options),
    /** An overlay network with one subnet. */
    async overlay(name: string, cidr: string) {
      const network = await ask('POST', 'networks', 201, { name })
      const subnet = await ask('POST', 'subnets', 201, { name: `${name}-subnet`, network_id: network.id, cidr })
      return { network, subnet }
    },
    /** A shared external network, made by the administrator. */
    async external(name: string, cidr: string) {
      const body = { name, kind: 'external', shared: true, physical_network: name }
      const network = await ask('POST', 'networks', 201, body, as(there.admin))
      const subnet = await ask(
        'POST',
        'subnets',
        201,
        { name: `${name}-subnet`, network_id: network.id, cidr },
        as(there.admin),
      )
      return { network, subnet }
    },
    /** Instances with a port each on the network; no host carries them. */
    async instances(network_id: string, count: number, in_project = project_id) {
      const instance_ids = await addInstances(database, in_project, count)
      const asked = { project_id: in_project, caller: callerIn(in_project), instance_ids, requests: [{ network_id }] }
      const { ports } = await database.transaction(tx => preparePorts(tx, cloud, asked))
      return instance_ids.map(instance_id => ({ instance_id, ...ports.get(instance_id)?.[0] }))
    },
    async detailsOf(instance_id: string): Promise<number> {
      const row = await database.db
        .selectFrom('instance')
        .select('details_version')
        .where('id', '=', instance_id)
        .executeTakeFirstOrThrow()
      return row.details_version
    },
    async quotaOf(resource: string): Promise<number> {
      const row = await database.db
        .selectFrom('quota')
        .select('used')
        .where('scope_id', '=', project_id)
        .where('resource', '=', resource)
        .executeTakeFirstOrThrow()
      return row.used
    },
    [Symbol.asyncDispose]: () => there.close(),
  }
}
