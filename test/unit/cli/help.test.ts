import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientEnvironment } from '../../../src/client-environment.ts'
import { buildNouns } from '../../../src/cli/contract.ts'
import { examples, first_examples } from '../../../src/cli/examples.ts'
import { buildProgram } from '../../../src/cli/program.ts'

const env = clientEnvironment({})

async function commandOf(words: readonly string[]) {
  const program = await buildProgram(words, await buildNouns(), env)
  const noun = program.commands.find(command => command.name() === words[0])
  return noun?.commands.find(command => command.name() === words[1]) ?? noun
}

void test('examples are of commands that there are, with options that these have', async () => {
  const all = [...first_examples, ...Object.values(examples).flat()]
  for (const line of all) {
    const [program, ...words] = (line.split('   ')[0] ?? '').trim().split(' ')
    assert.equal(program, 'croft', line)
    const command = await commandOf(words)
    assert(command, line)
    const flags = words.filter(word => word.startsWith('--') && word !== '--help')
    for (const flag of flags)
      assert(
        command.options.some(option => option.long === flag),
        `${line}: ${flag}`,
      )
  }
})

void test('examples stand under the command that they begin with', async () => {
  for (const [key, lines] of Object.entries(examples)) {
    const command = await commandOf(key.split(' '))
    let help = ''
    command?.configureOutput({ writeOut: text => (help += text) }).outputHelp()
    assert.match(help, /\nExamples:\n {2}croft /, key)
    assert(lines[0]?.startsWith(`croft ${key}`), key)
  }
})

void test('several may be named of what has one name and changes no field', async () => {
  const many = async (words: string) => (await commandOf(words.split(' ')))?.registeredArguments[0]?.variadic
  for (const words of [
    'instance delete',
    'instance stop',
    'host remove',
    'flavor get',
    'operation get',
    'key-pair delete',
  ])
    assert.equal(await many(words), true, words)
  for (const words of [
    'instance update',
    'instance create',
    'router add-interface',
    'quota get',
    'instance explain',
    'instance ssh',
  ])
    assert.notEqual(await many(words), true, words)
})
