/** Which of libvirt's records are taken for starts that nobody can end. What libvirt does then: test/real/agent/killed-libvirtd. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { metadataNamespace } from '../../../src/agent/drivers/libvirt/domain-xml.ts'
import { clearUnborn } from '../../../src/agent/drivers/libvirt/unborn.ts'

const begun_s = 1_800_000_000
let dir: string

describe('agent/unborn', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'croft-unborn-'))
    await put('driver.pid', '1', begun_s)
  })
  afterEach(() => rm(dir, { recursive: true }))

  async function put(name: string, text: string, written_s: number): Promise<void> {
    await writeFile(join(dir, name), text)
    await utimes(join(dir, name), written_s, written_s)
  }

  const record = (pid: number, namespace = metadataNamespace) =>
    `<!-- by libvirt -->\n<domstatus state='paused' reason='starting up' pid='${pid}'>\n<domain id='7'>` +
    `<metadata><croft:instance xmlns:croft='${namespace}'/></metadata></domain></domstatus>`

  test('none: guests with a process, starts that this libvirtd is at, others’ guests, other files', async () => {
    await put('a.xml', record(77), begun_s - 5)
    await put('b.xml', record(0), begun_s + 5)
    await put('c.xml', record(0, 'urn:somebody'), begun_s - 5)
    await put('d.pid', "<domstatus pid='0'>", begun_s - 5)
    assert.deepEqual(await clearUnborn(dir), [])
    assert.equal((await readdir(dir)).length, 5)
  })

  test('one left by an earlier libvirtd is named, and kept while no libvirtd is found that knows it', async () => {
    await put('a.xml', record(0), begun_s - 5)
    await assert.rejects(clearUnborn(dir), /can never end the start of a, and no process is found that holds/)
    assert.deepEqual((await readdir(dir)).sort(), ['a.xml', 'driver.pid'])
  })

  test('none where there is no driver', async () => {
    assert.deepEqual(await clearUnborn(join(dir, 'nothing')), [])
  })
})
