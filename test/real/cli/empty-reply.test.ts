/** Every command that is answered with nothing prints one JSON document all the same, so that a script can read it. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type CommandShape, commandShape, type Field } from '../../../src/cli/command-shape.ts'
import { buildNouns } from '../../../src/cli/contract.ts'
import { cliHome, type Home } from '../../support/cli.ts'

const id = '01900000-0000-7000-8000-000000000000'

/** Says yes to everything: of what is looked at there is one, of what is done nothing is told. */
function yesSayer(): Server {
  return createServer((request, response) => {
    request.resume()
    if (request.method !== 'GET') return response.writeHead(204).end()
    response.setHeader('content-type', 'application/json')
    return response.end(JSON.stringify({ id, name: 'x', items: [{ id, name: 'x' }], next: null }))
  })
}

/** By hand, beside what the contract gives. */
const by_hand = ['host maintenance stop x', `security-group rule remove x ${id}`]

const valueOf = ({ schema, noun }: Field): string =>
  noun || schema.format === 'uuid' ? id : String(schema.enum?.[0] ?? (schema.type === 'integer' ? 1 : 'x'))

function lineOf({ noun, verb, fields }: CommandShape): string[] {
  const needed = fields.filter(field => field.required || field.positional)
  return [
    noun,
    verb,
    ...needed.flatMap(field => (field.positional ? [valueOf(field)] : [`--${field.flag}`, valueOf(field)])),
  ]
}

describe('cli/empty-reply', () => {
  let server: Server
  let home: Home

  before(async () => {
    server = yesSayer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: 'croft_t_x' })
  })

  after(async () => {
    await home?.[Symbol.asyncDispose]()
    server?.close()
  })

  test('null, and nothing else', async () => {
    const nouns = await buildNouns()
    const empty = Object.values(nouns)
      .flatMap(verbs => Object.values(verbs))
      .filter(route => route.reply === undefined && route.stream === undefined && !route.cli?.hidden)
      .map(route => lineOf(commandShape(route, nouns)))
    assert.ok(empty.length > 25)
    const left = [...empty, ...by_hand.map(line => line.split(' ')), ['sign-out']]
    const said: string[] = []
    const work = async () => {
      for (let words = left.pop(); words; words = left.pop()) {
        const { code, stdout, stderr } = await home.run(...words, '--json')
        if (code !== 0 || stdout !== 'null\n') said.push(`${words.join(' ')}: ${code} ${stdout}${stderr}`)
      }
    }
    await Promise.all([work(), work()])
    assert.deepEqual(said, [])
  })
})
