/** Management controllers of hosts over the API: set, tested against ipmi_sim and Redfish, never shown their passwords. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hostRoutes } from '../../../src/api/host.ts'
import { ipmiSim, redfishService } from '../../support/bmc.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/host-bmc', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let sim: Awaited<ReturnType<typeof ipmiSim>>
  let service: Awaited<ReturnType<typeof redfishService>>
  const path = () => `/v1/hosts/${host.id}/bmc`
  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1')
    sim = await ipmiSim()
    service = await redfishService()
  })
  after(async () => {
    await sim.close()
    await service.close()
    await cloud.close()
  })

  test('a host that is up says so; one without a BMC says what to do', async () => {
    const shown = await cloud.call(hostRoutes.get, { params: { host: host.id } })
    assert.equal(shown.availability, 'up')
    assert.equal(shown.absence, null)
    const none = await cloud.request('GET', path())
    assert.equal(none.status, 404)
    assert.match(String(none.body.detail), /croft host-bmc set/)
  })

  test('IPMI: set, tested, and the password is sealed and shown to nobody', async () => {
    const { address, port, user, password } = sim.bmc
    const set = await cloud.request('PUT', path(), { body: { kind: 'ipmi', address, port, user, password } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    assert.ok(!JSON.stringify(set.body).includes(password))
    const tested = await cloud.request('POST', `${path()}/test`)
    assert.deepEqual([tested.body.power, tested.body.failure], ['on', null])
    assert.equal((await cloud.request('GET', path())).body.test_failure, null)
    const audit = await cloud.request('GET', '/v1/audit')
    assert.ok(!JSON.stringify(audit.body).includes(password))
  })

  test('the password stays with the same place only', async () => {
    const { address, port, user } = sim.bmc
    const kept = await cloud.request('PUT', path(), { body: { kind: 'ipmi', address, port, user, cipher_suite: 3 } })
    assert.equal(kept.status, 200)
    const elsewhere = await cloud.request('PUT', path(), { body: { kind: 'ipmi', address: '192.0.2.1', port, user } })
    assert.equal(elsewhere.status, 422)
    assert.match(String(elsewhere.body.detail), /Give the password/)
  })

  test('a failing test says why, and is kept', async () => {
    const { address, port, user } = sim.bmc
    const body = { kind: 'ipmi', address, port, user, password: 'wrong-Word1' }
    await cloud.request('PUT', path(), { body })
    const tested = await cloud.request('POST', `${path()}/test`)
    assert.equal(tested.body.power, null)
    assert.match(String(tested.body.failure), /password is wrong/)
    assert.match(String((await cloud.request('GET', path())).body.test_failure), /password is wrong/)
  })

  test('Redfish: known by its fingerprint', async () => {
    const { address, port, user, password } = service.bmc
    const { certificate_sha256 } = service
    const body = { kind: 'redfish', address, port, user, password, certificate_sha256 }
    assert.equal((await cloud.request('PUT', path(), { body })).status, 200)
    assert.equal((await cloud.request('POST', `${path()}/test`)).body.power, 'on')
    assert.equal((await cloud.request('DELETE', path())).status, 204)
    assert.equal((await cloud.request('DELETE', path())).status, 404)
  })

  test('addresses that are URLs or options are refused', async () => {
    for (const address of ['https://10.0.0.1', '-o', '10.0.0.1/x', '', 'a b', '[::1]', 'u@h']) {
      const body = { kind: 'ipmi', address, user: 'u', password: 'p' }
      assert.equal((await cloud.request('PUT', path(), { body })).status, 422, address)
    }
  })
})
