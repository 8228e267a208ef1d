/** Plug-ins of the web UI, on the controller's side: read, refused, served alone, followed as the folder changes, and shown to whom. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pluginRoutes } from '../../../src/api/plugin.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { scratch } from '../../support/scratch.ts'

const example = path.join(import.meta.dirname, '../../../examples/plug-ins/cost')

describe('controller/plugin', () => {
  let cloud: TestCloud
  let folder: string
  let nobody: string
  const manifest = {
    croft: 1,
    version: '1',
    title: { en: 'X' },
    pages: [{ id: 'p', title: { en: 'P' }, page: 'p.html', area: 'operate' }],
  }

  const list = async (token?: string) => {
    return await cloud.call(pluginRoutes.list, token === undefined ? {} : { token })
  }
  const read = async () => assert.equal((await cloud.request('POST', '/v1/plugins/reload', { body: {} })).status, 200)
  const get = async (url: string) => cloud.server.inject({ method: 'GET', url })
  const problemOf = async (id: string) => (await list()).items.find(one => one.id === id)?.problem ?? ''
  async function put(id: string, files: Record<string, string>): Promise<string> {
    const place = path.join(folder, id)
    await mkdir(place)
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(place, name), text)
    return place
  }
  const plain = (id: string) => ({ 'plugin.json': JSON.stringify({ ...manifest, id }), 'p.html': '<!doctype html><p>' })

  before(async () => {
    folder = await scratch('croft-plugins')
    await cp(example, path.join(folder, 'cost'), { recursive: true })
    cloud = await testCloud({ plugins: folder })
    const { body } = await cloud.request('POST', '/v1/users', { body: { name: 'nobody' } })
    nobody = await cloud.tokenOf(String(body.id))
  })
  after(async () => {
    await cloud.close()
    await rm(folder, { recursive: true })
  })

  test('everyone who is signed in gets those that are ready; what is refused, and where they lie, is for operators', async () => {
    await put('broken', { 'plugin.json': '{' })
    await read()
    const seen = await list()
    assert.deepEqual(
      seen.items.map(({ id, state }) => [id, state]),
      [
        ['broken', 'refused'],
        ['cost', 'ready'],
      ],
    )
    assert.match(seen.items[0]?.problem ?? '', /plugin\.json is not JSON/)
    assert.equal(seen.folder, folder)
    const others = await list(nobody)
    assert.deepEqual(
      others.items.map(({ id }) => id),
      ['cost'],
    )
    assert.equal(others.folder, null)
    assert.equal((await cloud.request('GET', '/v1/plugins/broken', { token: nobody })).status, 404)
    assert.equal((await cloud.request('GET', '/v1/plugins/cost', { token: nobody })).status, 200)
    assert.equal((await cloud.request('GET', '/v1/plugins/broken')).status, 200)
    assert.equal((await cloud.request('POST', '/v1/plugins/reload', { token: nobody, body: {} })).status, 403)
    await rm(path.join(folder, 'broken'), { recursive: true })
    await read()
  })

  test('its files are handed out alone: an origin of their own, no network, no guess at their types', async () => {
    const { items } = await list()
    const address = items[0]?.address ?? ''
    assert.match(address, /^\/plugins\/cost\/[0-9a-f]{32}\/$/)
    const page = await get(`${address}instance.html`)
    assert.equal(page.statusCode, 200)
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8')
    const policy = String(page.headers['content-security-policy'])
    for (const part of ['sandbox allow-scripts;', "default-src 'none'", "connect-src 'none'", "frame-ancestors 'self'"])
      assert.ok(policy.includes(part), part)
    assert.match(page.body, /^<!doctype html><script>for .* delete globalThis\[way\]<\/script>/)
    assert.doesNotMatch(policy, /allow-same-origin|allow-top|allow-popups|allow-forms|unsafe/)
    assert.equal(page.headers['x-content-type-options'], 'nosniff')
    assert.equal(page.headers['set-cookie'], undefined)
    assert.equal((await get(`${address}cost.js`)).headers['content-type'], 'text/javascript; charset=utf-8')
    for (const [name, type] of [
      ['api.js', 'text/javascript'],
      ['look.css', 'text/css'],
      ['api.ts', 'text/plain'],
    ] as const) {
      const answered = await get(`/plugins/${name}`)
      assert.equal(answered.statusCode, 200, name)
      assert.ok(String(answered.headers['content-type']).startsWith(type), name)
      assert.match(String(answered.headers['content-security-policy']), /^sandbox; default-src 'none';/)
    }
    assert.doesNotMatch((await get('/plugins/api.js')).body, /interface|satisfies/)
  })

  test('nothing else is: no way out of the folder, no other version, nothing of a refused one', async () => {
    const { items } = await list()
    const address = items[0]?.address ?? ''
    for (const name of [
      '',
      '..',
      '../cost/instance.html',
      '%2e%2e/plugin.json',
      '..%2f..%2fetc%2fpasswd',
      '/etc/passwd',
      'nothing.html',
      'instance.html%00.js',
    ])
      assert.equal((await get(address + name)).statusCode, 404, name)
    assert.equal((await get(`/plugins/cost/${'0'.repeat(32)}/instance.html`)).statusCode, 404)
    assert.equal((await get('/plugins/__proto__/x/instance.html')).statusCode, 404)
    const place = await put('odd', {
      ...plain('odd'),
      'plugin.json': JSON.stringify({ ...manifest, id: 'odd', routes: ['session.project'] }),
    })
    await read()
    assert.match(await problemOf('odd'), /session\.project is not for plug-ins/)
    assert.equal((await list()).items.find(one => one.id === 'odd')?.address, null)
    await rm(place, { recursive: true })
    await read()
  })

  test('links, what everybody may write, and what is too much are refused, with the reason', async () => {
    const refusedFor = async (id: string, words: RegExp) => {
      await read()
      assert.match(await problemOf(id), words)
      assert.equal((await list()).items.find(one => one.id === 'cost')?.state, 'ready', 'others go on')
      await rm(path.join(folder, id), { recursive: true })
    }
    await symlink('/etc/passwd', path.join(await put('link', plain('link')), 'users.txt'))
    await refusedFor('link', /users\.txt is a symbolic link/)
    await symlink('/etc', path.join(await put('link', plain('link')), 'etc'))
    await refusedFor('link', /etc is a symbolic link/)
    await symlink(path.join(folder, 'cost'), path.join(folder, 'whole'))
    await refusedFor('whole', /it is a symbolic link/)
    await chmod(path.join(await put('open', plain('open')), 'p.html'), 0o666)
    await refusedFor('open', /everybody may write p\.html/)
    await chmod(await put('open', plain('open')), 0o777)
    await refusedFor('open', /everybody may write its folder/)
    await put('large', { ...plain('large'), 'x.txt': 'x'.repeat(2 * 1024 ** 2 + 1) })
    await refusedFor('large', /x\.txt is larger than 2097152 bytes/)
    await put('many', {
      ...plain('many'),
      ...Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`${n}.txt`, ''])),
    })
    await refusedFor('many', /more than 256 files/)
    execFileSync('mkfifo', [path.join(await put('pipe', plain('pipe')), 'p.txt')])
    await refusedFor('pipe', /p\.txt is no plain file/)
    await put('text', { ...plain('text'), 'p.html': '<p>' })
    await refusedFor('text', /does not begin with <!doctype html>/)
    await put('frames', { ...plain('frames'), 'p.html': '<!doctype html><iframe SRCdoc="x">' })
    await refusedFor('frames', /frames made of text are not for plug-ins/)
    await writeFile(
      path.join(await put('wide', plain('wide')), 'p.html'),
      Buffer.from('\ufeff<!doctype html>', 'utf16le'),
    )
    await refusedFor('wide', /p\.html is not UTF-8/)
    await put('empty', {})
    await refusedFor('empty', /no plugin\.json/)
    await put('Name', plain('Name'))
    await refusedFor('Name', /id/)
    await put('other', plain('name'))
    await refusedFor('other', /its folder is called "other"/)
  })

  test('a change of the folder is followed without a word, and told as an event; its address is another then', async () => {
    await read()
    const before = cloud.cloud.plugins.get('cost')?.address
    const heard = Promise.withResolvers<void>()
    const unwatch = cloud.cloud.events.watch(rows => {
      const told = rows.some(one => one.noun === 'plugin')
      if (told && cloud.cloud.plugins.get('cost')?.address !== before) heard.resolve()
    })
    // As editors do: a new file put in the place of the old one.
    const file = path.join(folder, 'cost', 'cost.js')
    await writeFile(`${file}.new`, '// changed\n')
    await rename(`${file}.new`, file)
    await heard.promise
    unwatch()
    const address = (await list()).items[0]?.address
    assert.notEqual(address, before)
    assert.equal((await get(`${address}cost.js`)).body, '// changed\n')
    assert.equal((await get(`${before}cost.js`)).statusCode, 404)
  })

  test('one that is put in the place of another at once is followed as the other was', async () => {
    await read()
    const place = path.join(folder, 'cost')
    const away = await scratch('croft-plugins')
    const next = path.join(away, 'next')
    await cp(example, next, { recursive: true })
    // Until it is there in this content: what is read in between may be half of it.
    const shows = (content: string) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => {
        const [, , , digest = ''] = cloud.cloud.plugins.get('cost')?.address?.split('/') ?? []
        if (cloud.cloud.plugins.file('cost', digest, 'cost.js')?.bytes.toString() === content) resolve()
      }
      const unwatch = cloud.cloud.events.watch(look)
      look()
      return promise.finally(unwatch)
    }
    await writeFile(path.join(next, 'cost.js'), '// another\n')
    await rename(place, path.join(away, 'before'))
    await rename(next, place)
    await shows('// another\n')
    await writeFile(path.join(place, 'cost.js'), '// edited\n')
    await shows('// edited\n')
    await rm(away, { recursive: true })
  })

  test('a folder that cannot be read is told to operators, and is no plug-in for others', async () => {
    await rename(folder, `${folder}.away`)
    try {
      assert.equal((await cloud.request('POST', '/v1/plugins/reload', { body: {} })).status, 503)
      const { status, body } = await cloud.request('GET', '/v1/plugins')
      assert.equal(status, 503)
      assert.match(String(body.detail), /cannot be read: .*ENOENT.*plugin_dir/)
      assert.deepEqual((await list(nobody)).items, [])
    } finally {
      await rename(`${folder}.away`, folder)
    }
    await read()
    assert.equal((await list()).items.length, 1)
  })
})
