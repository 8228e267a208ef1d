/** `croft restart`: a service of this machine begins anew and nothing else, and what is not of this machine is refused. */
import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { writeIdentity } from '../../../src/agent/identity.ts'
import { type Config, loadConfig } from '../../../src/config.ts'
import { HostError } from '../../../src/host/error.ts'
import { restart } from '../../../src/host/restart.ts'
import type { Service, ServiceManager, ServiceStatus } from '../../../src/host/service.ts'
import { agentState } from '../../../src/host/services/agent.ts'
import { scratch } from '../../support/scratch.ts'

let folder = ''
let config: Config
const told: string[] = []
const running = new Set(['croft-agent', 'croft-libvirtd'])

/** Whether what is restarted ends, and then does not start; undefined: all is well. */
let ends: boolean | undefined

const stateOf = (name: string): ServiceStatus => ({
  ...{ name, description: name, pid: 1, restarts: 0, last_end: null, log_file: '' },
  state: running.has(name) ? 'running' : 'stopped',
})

const manager: ServiceManager = {
  kind: 'supervisor',
  async start({ name }: Service) {
    told.push(`start ${name}`)
    running.add(name)
    return stateOf(name)
  },
  async stop(name) {
    told.push(`stop ${name}`)
    running.delete(name)
  },
  async restart(name) {
    told.push(`restart ${name}`)
    if (ends === undefined) return stateOf(name)
    if (ends) running.delete(name)
    throw new Error('not restarted')
  },
  status: async () => [...running].map(stateOf),
  said: async () => '',
}
const parts = { manager, step: <T>(_: string, work: (show: () => void) => Promise<T>) => work(() => undefined) }

before(async () => {
  folder = await scratch('croft-restart')
  config = loadConfig({ state_dir: folder }, {})
})
after(() => rm(folder, { recursive: true }))

void test('what this machine is not is not started on it', async () => {
  for (const which of ['agent', 'controller'] as const)
    await assert.rejects(
      restart(config, which, parts),
      (error: unknown) => error instanceof HostError && /this machine is no (host|controller)/.test(error.message),
    )
  assert.deepEqual(told, [])
})

void test('the agent begins anew, and nothing beside it', async () => {
  await mkdir(agentState(config), { recursive: true })
  const words = { key_pem: 'k', certificate_pem: 'c', ca_pem: 'a' }
  await writeIdentity(agentState(config), { host_id: 'h', name: 'h1', ...words, link_urls: ['wss://c:7071/v1/link'] })
  await restart(config, 'agent', parts)
  // Never stopped on its own: this program may be killed between two acts.
  assert.deepEqual(told.splice(0), ['restart croft-agent', 'start croft-agent'])
  running.delete('croft-agent')
  await restart(config, 'agent', parts)
  assert.deepEqual(told, ['start croft-agent'])
})

void test('what ended and did not start again is started as it is to be now; what never ended is not said to be new', async () => {
  told.length = 0
  ends = true
  await restart(config, 'agent', parts)
  assert.deepEqual(told.splice(0), ['restart croft-agent', 'start croft-agent'])
  ends = false
  await assert.rejects(restart(config, 'agent', parts), /not restarted/)
  assert.deepEqual(told, ['restart croft-agent'])
})
