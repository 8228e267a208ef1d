/**
 * What `croft host leave` takes away of networks, against the kernel: in network and mount namespaces of the test's own, so that the
 * machine's are not touched. Needs root and unshare.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'

const leave = path.join(import.meta.dirname, '../../../src/host/leave.ts')

/** Standard output of a shell that has no network but what it makes. */
function alone(script: string): string {
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', '--mount', 'sh', '-ec', script], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: `${path.dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`, LEAVE: leave },
  })
  assert.equal(status, 0, stderr)
  return stdout
}

test('namespaces of metadata go with their links, those of others stay', () => {
  const left = alone(`
    mount -t tmpfs none /run
    for name in croft-md-0123456789 croft-md-abcdefabcd other; do ip netns add $name; done
    ip link add md0123456789 type veth peer name metadata netns croft-md-0123456789
    ip link set md0123456789 up
    ip link add mdother type veth peer name metadata netns other
    clean='import(process.env.LEAVE).then(async all => console.log(JSON.stringify(await all.cleanMetadata())))'
    node --disable-warning=ExperimentalWarning -e "$clean"
    node --disable-warning=ExperimentalWarning -e "$clean"
    ls /run/netns
    ip -o link show | cut -d: -f2 | cut -d@ -f1`)
  assert.deepEqual(
    left.split('\n').map(line => line.trim()),
    ['[]', '[]', 'other', 'lo', 'mdother', ''],
  )
})
