/** Where configuration comes from, what wins, and what is refused. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { clientEnvironment, joinAddress, loadConfig, parseConfigFile, splitAddress } from '../../src/config.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'croft-config-'))
after(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'croft.conf')
writeFileSync(file, 'listen: 127.0.0.1:1111\nagent_listen: 127.0.0.1:2222\nlog_dir: /logs\n')

void test('flags win over the environment, that over the file, that over what is built in', () => {
  const env = { CROFT_CONFIG: file, CROFT_LISTEN: '127.0.0.1:3333', CROFT_LOG_DIR: '/elsewhere' }
  const config = loadConfig({ log_dir: '/mine' }, env)
  assert.equal(config.log_dir, '/mine')
  assert.equal(config.listen.port, 3333)
  assert.equal(config.agent_listen.port, 2222)
  assert.equal(config.state_dir, '/var/lib/croft')
})

void test('with a state folder of its own, all lies below it, its configuration too', () => {
  writeFileSync(path.join(folder, 'croft.conf'), 'listen: 127.0.0.1:4444\n')
  const config = loadConfig({ state_dir: folder }, {})
  assert.equal(config.run_dir, path.join(folder, 'run'))
  assert.equal(config.log_dir, path.join(folder, 'log'))
  assert.equal(config.plugin_dir, path.join(folder, 'plugins'))
  assert.equal(loadConfig({ state_dir: folder }, { CROFT_PLUGIN_DIR: '/theirs' }).plugin_dir, '/theirs')
  assert.equal(config.listen.port, 4444)
})

void test('a cloud beyond this machine listens for agents on its address there', () => {
  assert.deepEqual(loadConfig({ cluster_address: '10.1.2.3', state_dir: '/nowhere' }, {}).agent_listen, {
    host: '10.1.2.3',
    port: 7071,
  })
  assert.equal(loadConfig({ listen: '[::]:7070', state_dir: '/nowhere' }, {}).agent_listen.host, '::')
})

void test('what is wrong is named, with what there is', () => {
  assert.throws(() => parseConfigFile('listne: x', 'F'), { message: 'F: there is no setting "listne"' })
  assert.throws(() => parseConfigFile('state_dir: relative', 'F'), /F: state_dir /)
  assert.throws(() => parseConfigFile('[1, 2]', 'F'), /^HostError: F: /)
  assert.throws(() => parseConfigFile('a: b: c', 'F'), /F is not YAML/)
  assert.throws(() => loadConfig({ config_file: path.join(folder, 'none') }, {}), /cannot be read/)
  assert.deepEqual(parseConfigFile('', 'F'), {})
})

void test('addresses with ports, IPv6 in brackets', () => {
  for (const text of ['127.0.0.1:7070', '[::1]:80', 'cloud.example:443'])
    assert.equal(joinAddress(splitAddress(text, 'x')), text)
  for (const text of ['127.0.0.1', ':80', '::1:80', 'a:0', 'a:65536', 'a:1x', ''])
    assert.throws(() => splitAddress(text, 'listen'), /listen: ".*" is not ADDRESS:PORT/, text)
})

void test('where others find this machine is an address or a host name, and refused before it is kept', () => {
  for (const cluster_address of ['192.0.2.1', '2001:db8::1', 'h1', 'h1.cloud.example'])
    assert.equal(loadConfig({ cluster_address, state_dir: '/nowhere' }, {}).cluster_address, cluster_address)
  for (const text of [
    'not an address!',
    '192.0.2.1:7071',
    '192.0.2',
    '192.0.2.300',
    '0.0.0.0',
    '::',
    'fe80::1%eth0',
    '',
  ])
    for (const key of ['cluster_address', 'ovn_central'] as const)
      assert.throws(
        () => loadConfig({ [key]: text, state_dir: '/nowhere' }, {}),
        (error: unknown) => error instanceof Error && error.message.startsWith(`${key}: "${text}" is not an address`),
      )
})

void test('an empty variable is one that is not set', () => {
  assert.equal(clientEnvironment({ CROFT_URL: '' }).url, undefined)
  assert.equal(clientEnvironment({ NO_COLOR: '1' }).no_color, true)
})
