/** The tiny image, built from packages and booted: what it promises to a cloud, on every bus and machine it names. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { BuiltImage } from '../../../src/images/build.ts'
import { buildTiny } from '../../../src/images/tiny.ts'
import { Guest, restrictedNetwork } from '../../real/images/guest.ts'
import { scratch } from '../../support/scratch.ts'
import { freePort } from '../../support/free-port.ts'

const run = promisify(execFile)
const guests = new Set<Guest>()
const servers = new Set<Server>()
let dir = ''
let built: BuiltImage
let key = ''

describe('images/tiny', () => {
  before(async () => {
    dir = await scratch('tiny')
    built = await buildTiny({ work_dir: join(tmpdir(), 'croft-test-images'), out: join(dir, 'tiny.qcow2') })
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'key')])
    key = (await readFile(join(dir, 'key.pub'), 'utf8')).trim()
  })

  after(async () => {
    for (const server of servers) server.close()
    for (const guest of guests) await guest.kill()
    await rm(dir, { recursive: true, force: true })
  })

  function start(options: ConstructorParameters<typeof Guest>[0]): Guest {
    const guest = new Guest(options)
    guests.add(guest)
    return guest
  }

  let clones = 0
  async function clone(): Promise<string> {
    const path = join(dir, `clone-${clones++}.qcow2`)
    await copyFile(built.path, path)
    return path
  }

  async function configDrive(name: string, metadata: object, user_data: string): Promise<string> {
    const folder = join(dir, name)
    await mkdir(join(folder, 'openstack/latest'), { recursive: true })
    await writeFile(join(folder, 'openstack/latest/meta_data.json'), JSON.stringify(metadata))
    await writeFile(join(folder, 'openstack/latest/user_data'), user_data)
    await run('genisoimage', ['-quiet', '-o', `${folder}.iso`, '-V', 'config-2', '-r', '-J', folder])
    return `${folder}.iso`
  }

  function ssh(port: number, command: string): Promise<{ stdout: string }> {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR']
    const flags = options.flatMap(option => ['-o', option])
    return run('ssh', [...flags, '-i', join(dir, 'key'), '-p', String(port), 'root@127.0.0.1', command], {
      timeout: 30_000,
    })
  }

  void test('the same packages give the same bytes', async () => {
    const again = await buildTiny({ work_dir: join(tmpdir(), 'croft-test-images'), out: join(dir, 'again.qcow2') })
    assert.equal(again.sha256, built.sha256)
    assert.ok(built.size_bytes < 20_000_000, `${built.size_bytes} bytes`)
    await rm(again.path)
  })

  void test('config drive, key, user data once, web page, persistence over reboot, clean power-off', async () => {
    const metadata = { uuid: 'i-1', hostname: 'pet.example.org', public_keys: { mine: `${key}\n` } }
    const iso = await configDrive(
      'drive-1',
      metadata,
      '#!/bin/sh\necho "USER DATA RAN on $(hostname)" | tee -a /root/ran\n',
    )
    const [ssh_port, http_port] = [await freePort(), await freePort()]
    const guest = start({
      disk: await clone(),
      dir,
      args: ['-drive', `file=${iso},format=raw,if=virtio,readonly=on`, ...restrictedNetwork({ ssh_port, http_port })],
    })
    const [ready] = await guest.says(/TINY READY .*\r\n/)
    assert.match(ready, /hostname=pet datasource=config-drive boots=1 eth0=169\.254\.0\.15\/16/)
    await guest.says(/USER DATA RAN on pet\s+TINY USER-DATA exit=0/)
    assert.equal(await (await fetch(`http://127.0.0.1:${http_port}/`)).text(), 'pet\n')

    const fingerprint = 'cat /etc/dropbear/ed25519 | sha256sum; id -u; cat /root/ran'
    const first = await ssh(ssh_port, fingerprint)
    assert.match(first.stdout, /\n0\nUSER DATA RAN on pet\n$/)

    const from = guest.output.length
    guest.type('reboot\n')
    const [again] = await guest.says(/TINY READY .*\r\n/, 60_000, from)
    assert.match(again, /hostname=pet datasource=config-drive boots=2 /)
    assert.equal((await ssh(ssh_port, fingerprint)).stdout, first.stdout, 'same host key, user data not run again')

    await guest.monitor('system_powerdown')
    assert.equal(await guest.exited, 0)
    assert.match(guest.output, /TINY DOWN/)
  })

  void test('metadata service, OpenStack layout; cloud-config with a password; ctrl-alt-del', async () => {
    const user_data = '#cloud-config\nhostname: cattle-7\npassword: sesame\nruncmd:\n  - [echo, "RUN", "a, b"]\n'
    const asked: string[] = []
    const service = await serve(
      {
        '/openstack/latest/meta_data.json': JSON.stringify({
          uuid: 'i-2',
          hostname: 'ignored',
          public_keys: { k: key },
        }),
        '/openstack/latest/user_data': user_data,
      },
      asked,
    )
    const guest = start({
      disk: await clone(),
      dir,
      machine: 'pc',
      bus: 'scsi',
      args: restrictedNetwork({ metadata_port: service.port }),
    })
    const [ready] = await guest.says(/TINY READY .*\r\n/)
    assert.match(ready, /hostname=cattle-7 datasource=openstack boots=1 /)
    await guest.says(/RUN a, b\s+TINY USER-DATA exit=0/)
    await guest.says(/login: /)
    const from = guest.output.length
    for (const down of [true, false]) {
      const keys = ['ctrl', 'alt', 'delete'].map(data => ({
        type: 'key',
        data: { down, key: { type: 'qcode', data } },
      }))
      await guest.monitor('input-send-event', { events: keys })
    }
    const [again] = await guest.says(/TINY READY .*\r\n/, 60_000, from)
    assert.match(again, /hostname=cattle-7 datasource=openstack boots=2 /)
    await guest.kill()
  })

  void test('metadata service, EC2 layout, where OpenStack has none; IDE disk', async () => {
    const asked: string[] = []
    const service = await serve(
      {
        '/latest/meta-data/instance-id': 'i-0abc',
        '/latest/meta-data/local-hostname': 'ip-10-0-0-1.internal',
        '/latest/meta-data/public-keys/': '0=mine',
        '/latest/meta-data/public-keys/0/openssh-key': `${key}\n`,
      },
      asked,
    )
    const ssh_port = await freePort()
    const guest = start({
      disk: await clone(),
      dir,
      machine: 'pc',
      bus: 'ide',
      args: restrictedNetwork({ ssh_port, metadata_port: service.port }),
    })
    const [ready] = await guest.says(/TINY READY .*\r\n/)
    assert.match(ready, /hostname=ip-10-0-0-1 datasource=ec2 /)
    assert.equal((await ssh(ssh_port, 'hostname')).stdout, 'ip-10-0-0-1\n')
    assert.equal(asked[0], '/openstack/latest/meta_data.json')
    await guest.kill()
  })

  async function serve(pages: Record<string, string>, asked: string[]): Promise<{ port: number }> {
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      const page = pages[request.url ?? '']
      response.writeHead(page === undefined ? 404 : 200, { connection: 'close' }).end(page ?? 'no such page')
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    servers.add(server)
    return { port: (server.address() as AddressInfo).port }
  }
})
