/** Tests run on machines with systemd, which mounts huge pages below /dev: the libvirt of a test has a /dev without them, and starts. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const program = `
  import { Daemon } from '${new URL('daemon.ts', import.meta.url).href}'
  import { Libvirt } from '${new URL('../../../src/lib/libvirt/index.ts', import.meta.url).href}'
  await using daemon = await Daemon.start()
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  console.log(await libvirt.host.hostname())
`

test('libvirt starts where huge pages are mounted below /dev', async () => {
  const there = 'mount -t tmpfs tmpfs /dev/shm && mkdir /dev/shm/huge && mount -t hugetlbfs hugetlbfs /dev/shm/huge'
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', program]
  const argv = ['--mount', 'sh', '-c', `${there} && exec "$@"`, 'sh', process.execPath, ...flags]
  const { stdout } = await run('unshare', argv)
  assert.equal(stdout, 'libvirt-test\n')
})
