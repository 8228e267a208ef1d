import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ipBatch } from '../../../src/lib/linuxnet/ip.ts'

test('a value with a line end, a quote or a comment in it never reaches ip', async () => {
  for (const mac of ['fa:16:3e:00:00:01\nnetns exec x reboot', 'fa:16:3e:00:00:01 # ', 'a"b', "a'b", 'a\\b', 'a\0b'])
    await assert.rejects(ipBatch([`link add x type veth peer name y address ${mac}`]), /not a line for ip -batch/)
  await ipBatch([])
})
