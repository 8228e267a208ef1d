/** Random topologies in real OVN databases: they accept every plan, and a second plan finds nothing to do. */
import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { apply, compile } from '../../../src/controller/ovn/apply.ts'
import { diff } from '../../../src/controller/ovn/diff.ts'
import { plan, waitUntilInForce } from '../../../src/controller/ovn/index.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { startOvnCentral } from '../../support/ovn-central.ts'
import { anyTopology } from '../../support/ovn-topology.ts'

void test('any topology after any other is taken by ovsdb-server and ovn-northd', async () => {
  await using central = await startOvnCentral()
  const nb = await central.connect()
  try {
    const property = fc.asyncProperty(anyTopology, fc.constantFrom(7, 500), async (topology, batch_steps) => {
      const { rows } = plan(topology)
      const { failures } = await apply(nb, diff(rows, nb.replica), { batch_steps })
      assert.deepEqual(failures, [])
      assert.deepEqual(compile(diff(rows, nb.replica)), [])
      await waitUntilInForce(nb, { level: 'sb', timeout_ms: 10_000, clock: realClock })
    })
    await fc.assert(property, { numRuns: 30 })
    const complaints = (await central.northdLog()).split('\n').filter(line => /\|(WARN|ERR|EMER)\|/.test(line))
    // There are no hosts here, and a route may lead to where its router has no interface: both are the users' to say.
    assert.deepEqual(
      complaints.filter(line => !/Unknown chassis|No path for static route/.test(line)),
      [],
    )
  } finally {
    nb.close()
  }
})
