/** The southbound database of somebody else's unit, opened to other hosts. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runOk } from '../../../src/host/process.ts'
import { untilReady } from '../../../src/host/ready.ts'
import { openSouthbound } from '../../../src/host/services/ovn-central.ts'

void test('opened once however often it is asked for, and other hosts get in', async t => {
  const work = await mkdtemp(path.join(tmpdir(), 'croft-southbound-'))
  const file = path.join(work, 'sb.db')
  const socket = path.join(work, 'sb.sock')
  await runOk(['ovsdb-tool', 'create', file, '/usr/share/ovn/ovn-sb.ovsschema'])
  const listen = [`--remote=punix:${socket}`, '--remote=db:OVN_Southbound,SB_Global,connections']
  const server = spawn('ovsdb-server', [...listen, `--unixctl=${work}/ctl`, '-vconsole:off', file], { stdio: 'ignore' })
  t.after(async () => {
    server.kill()
    await once(server, 'exit')
    await rm(work, { recursive: true })
  })
  await untilReady({ kind: 'socket', path: socket }, t.signal)
  await runOk(['ovn-sbctl', `--db=unix:${socket}`, 'init'])
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as net.AddressInfo
  await new Promise(resolve => probe.close(resolve))
  for (let n = 0; n < 2; n++) await openSouthbound(`ptcp:${port}:127.0.0.1`, socket)
  await untilReady({ kind: 'tcp', address: '127.0.0.1', port }, t.signal)
  const rows = await runOk(['ovn-sbctl', `--db=unix:${socket}`, 'get-connection'])
  assert.equal(rows.trim().split('\n').length, 1)
})
