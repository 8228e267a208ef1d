/** Ports of batches of instances, below the API. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { preparePorts, releasePorts } from '../../../src/controller/app/instance-ports.ts'
import { instancePorts } from '../../../src/controller/store/instance-ports.ts'
import { insertPorts } from '../../../src/controller/app/new-ports.ts'
import { address } from '../../../src/controller/store/address.ts'
import { CloudError } from '../../../src/model/errors.ts'
import { addInstances, addNetwork, addProject, callerIn, id, makes, networkDatabase } from '../../support/network.ts'

function refused(code: string, words: RegExp) {
  return (error: unknown) => error instanceof CloudError && error.code === code && words.test(error.message)
}

test('a thousand instances get ports, addresses, MACs and the default group, and give all back', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/20'])
  const instance_ids = await addInstances(database, project_id, 1000)
  const asked = { project_id, caller: callerIn(project_id), instance_ids, requests: [{ network_id }] }
  const { ports, events } = await database.transaction(tx => preparePorts(tx, makes, asked))
  assert.equal(events.length, 1000)
  assert.deepEqual([...ports.keys()], instance_ids)
  assert.equal(new Set([...ports.values()].flatMap(([port]) => port?.addresses)).size, 1000)
  const rules = await database.db.selectFrom('security_group_rule').selectAll().execute()
  assert.equal(rules.length, 4)
  const wanted = await instancePorts.wanted(database.db, instance_ids)
  const [first] = instance_ids
  const [port] = wanted.get(first ?? '') ?? []
  assert.match(port?.mac ?? '', /^fa:16:3e:/)
  assert.deepEqual(port?.addresses, [{ address: '10.0.0.2', prefix_length: 20, gateway: '10.0.0.1' }])
  await database.transaction(tx => releasePorts(tx, instance_ids, null))
  for (const table of ['port', 'port_address', 'port_security_group'] as const) {
    assert.deepEqual(await database.db.selectFrom(table).selectAll().execute(), [], table)
  }
})

test('many requests at once share one default group and take no address twice', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/24'])
  const instance_ids = await addInstances(database, project_id, 100)
  const caller = callerIn(project_id)
  const one = (instance_id: string) => ({ project_id, caller, instance_ids: [instance_id], requests: [{ network_id }] })
  await Promise.all(instance_ids.map(each => database.transaction(tx => preparePorts(tx, makes, one(each)))))
  const groups = await database.db.selectFrom('security_group').selectAll().execute()
  assert.equal(groups.length, 1)
  assert.equal((await database.db.selectFrom('port_address').selectAll().execute()).length, 100)
})

test('what is not there, not theirs or not sensible is refused', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/24'])
  const theirs = await addNetwork(database, await addProject(database, 'two'), ['10.0.0.0/24'])
  const instance_ids = await addInstances(database, project_id, 2)
  const caller = callerIn(project_id)
  const prepare = (requests: Parameters<typeof preparePorts>[2]['requests'], ids = instance_ids.slice(0, 1)) =>
    database.transaction(tx => preparePorts(tx, makes, { project_id, caller, instance_ids: ids, requests }))
  await assert.rejects(prepare([{ network_id: theirs }]), refused('not_found', /network/))
  await assert.rejects(prepare([{ network_id, security_groups: [id()] }]), refused('not_found', /security group/))
  await assert.rejects(prepare([{ port_id: id() }]), refused('not_found', /port/))
  await assert.rejects(prepare([{}]), refused('invalid', /network or a port/))
  await assert.rejects(
    prepare([{ network_id, fixed_addresses: ['10.0.0.9'] }], instance_ids),
    refused('invalid', /one instance only/),
  )
  assert.deepEqual(await database.db.selectFrom('port').selectAll().execute(), [])
})

test('a port made before is taken by one instance, keeps its address, and is free again after it', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/24'])
  const [first, second] = await addInstances(database, project_id, 2)
  assert.ok(first && second)
  const caller = callerIn(project_id)
  const port_id = String(id())
  await database.transaction(async tx => {
    await insertPorts(tx, makes, [{ id: port_id, network_id, project_id, mac: '', kind: 'free', kept: true }])
    await address.allocate(tx, await address.lock(tx, [network_id]), [{ port_id, network_id, fixed: ['10.0.0.77'] }])
  })
  const prepare = (instance_id: string) =>
    database.transaction(tx =>
      preparePorts(tx, makes, {
        project_id,
        caller,
        instance_ids: [instance_id],
        requests: [{ network_id }, { port_id }],
      }),
    )
  const outcomes = await Promise.allSettled([prepare(first), prepare(second)])
  assert.deepEqual(outcomes.map(each => each.status).sort(), ['fulfilled', 'rejected'])
  const winner = outcomes[0]?.status === 'fulfilled' ? first : second
  const ports = (await instancePorts.wanted(database.db, [winner])).get(winner) ?? []
  assert.deepEqual(
    ports.map(port => port.addresses[0]?.address),
    ['10.0.0.2', '10.0.0.77'],
  )
  await assert.rejects(prepare(winner === first ? second : first), refused('in_use', /belongs to the instance/))
  await database.transaction(tx => releasePorts(tx, [winner], null))
  const left = await database.db.selectFrom('port').select(['id', 'kind']).execute()
  assert.deepEqual(left, [{ id: port_id, kind: 'free' }])
})
