/** What a command says of a controller that cannot be reached: which one that is, and where the command has it from. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { connect } from '../../../src/cli/connect.ts'
import { asSentence, describeFailure } from '../../../src/cli/failure.ts'
import { writeSession } from '../../../src/cli/session-file.ts'
import { clientEnvironment } from '../../../src/client-environment.ts'
import { scratch } from '../../support/scratch.ts'

const folder = await scratch('croft-unreachable')
after(() => rm(folder, { recursive: true }))

/** Nothing listens on ports 1 and 9 of any machine that one would test on. */
const url = 'http://127.0.0.1:1'

const here = (variables: Record<string, string> = {}) => clientEnvironment({ HOME: folder, ...variables })

/** What is told where a command with these variables calls the controller. */
async function told(variables: Record<string, string>): Promise<string> {
  const env = here(variables)
  const client = await connect(env, {}, {})
  return await client.raw('/v1/session', { method: 'GET', headers: {} }).then(
    () => assert.fail('it answered'),
    (error: unknown) => describeFailure(error),
  )
}

test('of a URL that comes from a kept sign-in alone the file is named, and how to forget it', async () => {
  const in_an_hour = new Date(Date.now() + 3_600_000).toISOString()
  await writeSession(here(), { url, token: 't', expires_at: in_an_hour, user: 'admin', project: null })
  const file = path.join(folder, '.config/croft/session.json')
  const words = await told({})
  assert.ok(words.includes(`${url} cannot be reached`) && words.includes(`the sign-in kept in ${file}: `), words)
  assert.match(words, /croft sign-out/)
  for (const given of [url, 'http://127.0.0.1:9']) {
    const usual = await told({ CROFT_URL: given, CROFT_TOKEN: 't' })
    assert.match(usual, /Is that the right --url/)
    assert.doesNotMatch(usual, /kept in/)
  }
})

test('words of another part become a sentence; a URL, a path and a setting stay as they are', () => {
  assert.equal(asSentence('this machine is no host'), 'This machine is no host.')
  assert.equal(asSentence('No token was sent.'), 'No token was sent.')
  assert.equal(
    asSentence(`${url} cannot be reached: nothing listens there.`),
    `${url} cannot be reached: nothing listens there.`,
  )
  assert.equal(asSentence('listen: "x" is not ADDRESS:PORT'), 'listen: "x" is not ADDRESS:PORT.')
  assert.equal(asSentence('/etc/croft/croft.conf is not YAML'), '/etc/croft/croft.conf is not YAML.')
})
