/** The port of a guest that goes from host to host, in real OVN databases: what is written of it, and what ovn-northd makes of that. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Northbound, OvnReconciler, type Topology, waitUntilInForce } from '../../../src/controller/ovn/index.ts'
import { realClock } from '../../../src/lib/clock.ts'
import type { OvsdbClient } from '../../../src/lib/ovsdb/index.ts'
import { type OvnCentral, startOvnCentral } from '../../support/ovn-central.ts'
import { a1, knownTopology } from '../../support/ovn-known.ts'

void describe('the port of a guest that moves', () => {
  let central: OvnCentral
  let nb: OvsdbClient<Northbound>
  let reconciler: OvnReconciler
  let wanted: Topology = knownTopology
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

  before(async () => {
    central = await startOvnCentral()
    nb = await central.connect()
    reconciler = new OvnReconciler({ nb, loadTopology: async () => wanted, logger: silent, clock: realClock })
    for (const [name, address] of [
      ['host-1', '127.0.0.1'],
      ['host-2', '127.0.0.2'],
    ] as const)
      await central.sbctl('chassis-add', name, 'geneve', address)
  })
  after(async () => {
    await reconciler.close()
    nb.close()
    await central[Symbol.asyncDispose]()
  })

  /** What is asked for in the northbound database, and which chassis may have the port by the southbound one. */
  async function whenOn(host: string, target_host: string | null) {
    const ports = knownTopology.ports.map(port => (port.id === a1 ? { ...port, host, target_host } : port))
    wanted = { ...knownTopology, ports }
    const pass = await reconciler.applied()
    assert.deepEqual([pass.failures, pass.problems], [[], []])
    await waitUntilInForce(nb, { level: 'sb', timeout_ms: 10_000, clock: realClock })
    const option = async (name: string) =>
      (await central.nbctl('--if-exists', 'get', 'Logical_Switch_Port', a1, `options:${name}`)).trim()
    const chassis = async (column: string) => {
      const found = await central.sbctl('--bare', `--columns=${column}`, 'find', 'Port_Binding', `logical_port=${a1}`)
      const names = found.trim().split(/\s+/).filter(Boolean)
      return await Promise.all(names.map(async id => (await central.sbctl('get', 'Chassis', id, 'name')).trim()))
    }
    return {
      asked: await option('requested-chassis'),
      strategy: await option('activation-strategy'),
      chassis: [...(await chassis('requested_chassis')), ...(await chassis('requested_additional_chassis'))],
    }
  }

  void it('is named for both hosts while it is sent, to be taken over by its first word, and for the new one alone then', async () => {
    assert.deepEqual(await whenOn('host-1', null), { asked: 'host-1', strategy: '', chassis: ['host-1'] })
    assert.deepEqual(await whenOn('host-1', 'host-2'), {
      asked: '"host-1,host-2"',
      strategy: 'rarp',
      chassis: ['host-1', 'host-2'],
    })
    assert.deepEqual(await whenOn('host-2', null), { asked: 'host-2', strategy: '', chassis: ['host-2'] })
  })

  void it('is named for the old host alone again when the move comes to nothing', async () => {
    await whenOn('host-1', 'host-2')
    assert.deepEqual(await whenOn('host-1', null), { asked: 'host-1', strategy: '', chassis: ['host-1'] })
  })
})
