/** What `croft host join` refuses by its form alone, before it begins. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HostJoinOptions, joinThisMachine } from '../../../src/cli/commands/host-join.ts'
import { formJoinToken } from '../../../src/protocol/join.ts'

/** Ends the command where it would show its first step. */
function began(): never {
  throw new Error('it began')
}
const context = { out: { json: false, progress: began, note: began, printJson: began } }
const join = (url: string, options: HostJoinOptions) => joinThisMachine(context, url, options)

const url = 'https://192.0.2.1:7071'
const token = formJoinToken(Buffer.alloc(32), 'secret-of-sixteen-letters')
const authority = Buffer.alloc(32).toString('base64url')

test('a token or a URL that cannot be one is refused before anything is installed', async () => {
  await assert.rejects(join(url, { token: 'badtoken' }), /not a join token.*croft host invite/)
  for (const given of [{ token }, { authority }]) {
    for (const wrong of ['not-a-url', '192.0.2.1:7071', 'h1:7071', ''])
      await assert.rejects(join(wrong, given), /URL of a controller, such as https|https:\/\/ only/, wrong)
    await assert.rejects(join('http://192.0.2.1:7070', given), /by https:\/\/ only/)
  }
  await assert.rejects(join(url, {}), /--authority FINGERPRINT/)
})

test('so is an address that this machine does not have', async t => {
  if (process.geteuid?.() !== 0) return t.skip('only root gets that far')
  const given = { token, state: '/nowhere', clusterAddress: '192.0.2.1' }
  await assert.rejects(join(url, given), /192\.0\.2\.1 is not an address of this machine/)
})
