/** A signed image from the command line, as docs/images.md says it: key, signature and file by their names. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { cliHome } from '../../support/cli.ts'
import { testCloud } from '../../support/cloud.ts'
import { scratch } from '../../support/scratch.ts'

test('croft image-key create and image create --signature', async t => {
  const dir = await scratch('croft-cli-signed')
  t.after(() => rm(dir, { recursive: true }))
  const cloud = await testCloud()
  t.after(() => cloud.close())
  await cloud.server.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
  await using home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
  const [key, pub, file, sig] = ['key', 'pub', 'disk', 'sig'].map(name => path.join(dir, name)) as [
    string,
    string,
    string,
    string,
  ]
  execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key])
  execFileSync('openssl', ['pkey', '-in', key, '-pubout', '-out', pub])
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, '4M'])
  execFileSync('openssl', ['dgst', '-sha256', '-sign', key, '-out', sig, file])

  const secret = await home.run('image-key', 'create', 'release', '--public-key', key)
  assert.notEqual(secret.code, 0)
  assert.match(secret.stderr, /is a private key/)
  const made = await home.run('image-key', 'create', 'release', '--public-key', pub)
  assert.equal(made.code, 0, made.stderr)
  const signed = ['--file', file, '--signature', sig, '--signing-key', 'release', '--wait']
  const image = await home.run('image', 'create', 'web', ...signed, '--tag', 'team=a')
  assert.equal(image.code, 0, image.stderr)
  const got = await home.run('image', 'get', 'web', '--json')
  const seen = JSON.parse(got.stdout) as { verified_by: { key: string } | null; tags: object }
  assert.equal(seen.verified_by?.key, 'release')
  assert.deepEqual(seen.tags, { team: 'a' })

  const body = { name: 'friends', domain_id: cloud.domain_id }
  assert.equal((await cloud.request('POST', '/v1/projects', { body })).status, 201)
  const shared = await home.run('image', 'share', 'web', '--project', 'friends')
  assert.equal(shared.code, 0, shared.stderr)
  const members = await home.run('image', 'members', 'web', '--json')
  assert.match(members.stdout, /"pending"/)
  const ended = await home.run('image', 'unshare', 'web', 'friends')
  assert.equal(ended.code, 0, ended.stderr)
})
