/** The parts of image building that need no tools: lists, mirrors, trees, the initramfs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { BuildError } from '../../../src/images/build.ts'
import { sourceLines } from '../../../src/images/debian-12.ts'
import { packInitramfs } from '../../../src/images/initramfs.ts'
import { withoutSignature } from '../../../src/images/kernel-modules.ts'
import { buildImage, recipePackages, recipes } from '../../../src/images/recipe.ts'
import { Tree } from '../../../src/images/tree.ts'

const bookworm = { uri: 'http://mirror.test/debian/', origin: 'Debian', codename: 'bookworm', component: 'main' }

void test('recipes have names of their own and say why they need each package', () => {
  assert.deepEqual(
    recipes.map(one => one.name),
    ['tiny', 'debian-12'],
  )
  for (const entry of recipePackages()) assert.match(entry.why, /\w+ \w+/)
  const names = recipePackages().map(one => one.name)
  assert.equal(new Set(names).size, names.length)
  assert.ok(!recipePackages(['tiny']).some(one => one.name === 'mmdebstrap'))
})

void test('an unknown recipe, another architecture: refused with the reason', async () => {
  const options = { work_dir: '/nonexistent', out: '/nonexistent/out' }
  await assert.rejects(buildImage('windows', options), { code: 'unknown_recipe', message: /tiny, debian-12/ })
  await assert.rejects(buildImage('tiny', { ...options, arch: 'aarch64' }), { code: 'unsupported', message: /aarch64/ })
})

void test('Debian 12 comes from the mirror apt uses', () => {
  const security = { ...bookworm, uri: 'http://mirror.test/security/', codename: 'bookworm-security' }
  assert.deepEqual(sourceLines([bookworm, security, { ...bookworm, component: 'contrib' }]), [
    'deb http://mirror.test/debian/ bookworm main',
    'deb http://mirror.test/security/ bookworm-security main',
  ])
  const newer = [bookworm, security].map(one => ({ ...one, codename: one.codename.replace('bookworm', 'trixie') }))
  assert.deepEqual(sourceLines(newer), [
    'deb http://mirror.test/debian/ bookworm main',
    'deb http://mirror.test/debian/ bookworm-updates main',
    'deb http://mirror.test/security/ bookworm-security main',
  ])
  assert.throws(() => sourceLines([{ ...bookworm, origin: 'Ubuntu', codename: 'noble' }]), BuildError)
})

void test('a tree makes parents, sorts itself, and tells scripts from data', () => {
  const tree = new Tree().file('b/c/run', Buffer.from('#!/bin/sh\n')).file('b/data', Buffer.from('x')).link('a', 'b')
  assert.deepEqual(
    tree.entries().map(entry => [entry.type, entry.path, entry.mode.toString(8)]),
    [
      ['link', 'a', '777'],
      ['directory', 'b', '755'],
      ['directory', 'b/c', '755'],
      ['file', 'b/c/run', '755'],
      ['file', 'b/data', '644'],
    ],
  )
})

void test('a kernel module loses its signature, one without stays as it is', () => {
  const module = Buffer.from('ELF and so on')
  const fields = Buffer.alloc(12)
  fields.writeUInt32BE(700, 8)
  const signed = Buffer.concat([module, Buffer.alloc(700, 7), fields, Buffer.from('~Module signature appended~\n')])
  assert.deepEqual(withoutSignature(signed), module)
  assert.deepEqual(withoutSignature(module), module)
})

void test('an initramfs is a newc archive, the same for the same files', () => {
  const tree = new Tree().file('bin/sh', Buffer.from('#!x')).link('init', 'bin/sh')
  const packed = packInitramfs(tree.entries(), 1_700_000_000)
  assert.deepEqual(packed, packInitramfs(tree.entries(), 1_700_000_000))
  const seen: [string, string, string][] = []
  const archive = gunzipSync(packed)
  for (let at = 0; at < archive.length; ) {
    assert.equal(archive.toString('latin1', at, at + 6), '070701')
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const [size, name_bytes] = [field(6), field(11)]
    const name = archive.toString('latin1', at + 110, at + 110 + name_bytes - 1)
    const content_at = at + Math.ceil((110 + name_bytes) / 4) * 4
    seen.push([name, field(1).toString(8), archive.toString('latin1', content_at, content_at + size)])
    at = content_at + Math.ceil(size / 4) * 4
  }
  assert.deepEqual(seen, [
    ['bin', '40755', ''],
    ['bin/sh', '100755', '#!x'],
    ['init', '120777', 'bin/sh'],
    ['TRAILER!!!', '0', ''],
  ])
})
