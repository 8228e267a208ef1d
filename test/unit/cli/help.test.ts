import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientEnvironment } from '../../../src/client-environment.ts'
import { buildNouns } from '../../../src/cli/contract.ts'
import { examples, first_examples } from '../../../src/cli/examples.ts'
import { asHelp } from '../../../src/cli/help.ts'
import { nounWords } from '../../../src/cli/noun-words.ts'
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

void test('several may be named of what has one name and is told nothing that it needs', async () => {
  const many = async (words: string) => (await commandOf(words.split(' ')))?.registeredArguments[0]?.variadic
  for (const words of [
    'instance delete',
    'instance update',
    'instance stop',
    'host remove',
    'flavor get',
    'operation get',
    'key-pair delete',
  ])
    assert.equal(await many(words), true, words)
  for (const words of [
    'setting set',
    'instance create',
    'router add-interface',
    'quota get',
    'instance explain',
    'instance ssh',
  ])
    assert.notEqual(await many(words), true, words)
})

void test('help is the same wherever the word stands, and none of what there is not', async () => {
  const read = async (line: string) => {
    const words = line.split(' ')
    return asHelp(await buildProgram(words, await buildNouns(), env), words).join(' ')
  }
  for (const line of ['help host get', 'host help get', 'host get --help']) {
    assert.equal(await read(line), 'host get --help')
    const command = await commandOf(['host', 'get'])
    assert.match(command?.helpInformation() ?? '', /name or id/)
  }
  assert.equal(await read('help'), '--help')
  assert.equal(await read('help nope more'), 'nope')
  assert.equal(await read('nope --help'), 'nope')
  assert.equal(await read('host help nope'), 'host nope')
  assert.equal(await read('instance exec web -- ls --help'), 'instance exec web -- ls --help')
  assert.equal(await read('search help'), 'search help')
})

void test('both ways of yes and no are in the help of what changes, and every option of it says something', async () => {
  const help = (await commandOf(['host', 'update']))?.helpInformation() ?? ''
  assert.match(help, /--schedulable {2,}New instances/)
  assert.match(help, /--no-schedulable {2,}none may/)
  assert.match(help, /--no-label <KEY> {2,}takes this one away/)
  assert.match(help, /--no-labels {2,}takes all away/)
  for (const words of ['host update', 'host invite', 'aggregate update', 'user update', 'project update'])
    for (const option of (await commandOf(words.split(' ')))?.options ?? [])
      if (!option.hidden && !/description|email|default-project/.test(option.flags))
        assert.notEqual(option.description, '', `${words} ${option.flags}`)
})

void test('every thing is introduced, and no more', async () => {
  const nouns = Object.entries(await buildNouns())
  const shown = nouns.flatMap(([name, verbs]) => (Object.values(verbs).some(one => !one.cli?.hidden) ? [name] : []))
  const hand_made = ['search']
  assert.deepEqual(
    shown.filter(name => !nounWords[name] && !hand_made.includes(name)),
    [],
  )
  assert.deepEqual(
    Object.keys(nounWords).filter(name => !shown.includes(name)),
    [],
  )
})

void test('help of a move says that its guest need not be slowed down', async () => {
  const migrate = await commandOf(['instance', 'migrate'])
  const option = migrate?.options.find(one => one.long === '--no-auto-converge')
  assert.deepEqual([option?.hidden, option?.description], [false, 'let it run at full speed'])
})
