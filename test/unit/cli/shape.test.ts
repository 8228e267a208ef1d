/** The rules by which routes become commands, on the contract itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allRoutes } from '../../../src/api/index.ts'
import { buildProgram } from '../../../src/cli/program.ts'
import { commandShape, type Field, nounOf, placeholder, singular, withoutNull } from '../../../src/cli/command-shape.ts'
import { canBeEmptied, editsMap, pluralFlag } from '../../../src/cli/edit.ts'
import { buildNouns } from '../../../src/cli/contract.ts'
import { clientEnvironment } from '../../../src/client-environment.ts'

const nouns = await buildNouns()

function fieldsOf(noun: string, verb: string): Record<string, Field> {
  const route = nouns[noun]?.[verb]
  assert.ok(route, `${noun}.${verb}`)
  return Object.fromEntries(commandShape(route, nouns).fields.map(field => [field.name, field]))
}

test('every route that is not hidden is a command whose options do not collide', async () => {
  assert.ok(allRoutes.length > 60)
  const env = clientEnvironment({})
  let commands = 0
  for (const { name, cli } of allRoutes) {
    if (cli?.hidden) continue
    const words = name.split('.')
    const program = await buildProgram(words, nouns, env)
    const command = program.commands.find(one => one.name() === words[0])?.commands.find(one => one.name() === words[1])
    assert.ok(command, name)
    assert.match(command.helpInformation(), /Usage: /)
    commands += 1
  }
  assert.ok(commands > 50)
})

test('X_id takes the names of the noun X', () => {
  const { flavor_id, image_id, zone_id, networks, name, tags, user_data } = fieldsOf('instance', 'create')
  assert.deepEqual([flavor_id?.flag, flavor_id?.noun, flavor_id?.required], ['flavor', 'flavor', true])
  assert.deepEqual([image_id?.flag, image_id?.noun], ['image', 'image'])
  assert.deepEqual([zone_id?.flag, zone_id?.noun, zone_id?.required], ['zone', 'zone', false])
  assert.deepEqual([networks?.flag, networks?.repeated], ['network', true])
  assert.equal(name?.positional, true)
  assert.deepEqual([tags?.flag, tags && placeholder(tags)], ['tag', 'KEY=VALUE'])
  assert.equal(user_data && placeholder(user_data), 'FILE')
})

test('longer names mean the noun that they end in', () => {
  assert.equal(nounOf('floating_ip', nouns, ''), 'floating-ip')
  assert.equal(nounOf('external_network', nouns, ''), 'network')
  assert.equal(nounOf('default_project', nouns, ''), 'project')
  assert.equal(nounOf('remote_group', nouns, 'security-group'), 'security-group')
  assert.equal(nounOf('group', nouns, 'instance'), 'instance-group')
  assert.equal(nounOf('same_as', nouns, 'instance'), 'instance')
  assert.equal(nounOf('parent', nouns, 'domain'), 'domain')
  assert.equal(nounOf('rule', nouns, ''), undefined)
})

test('what may be null can be cleared', () => {
  assert.equal(fieldsOf('subnet', 'update').gateway?.nullable, true)
  assert.equal(fieldsOf('subnet', 'update').cidr, undefined)
  assert.deepEqual(withoutNull({ anyOf: [{ type: 'string' }, { type: 'null' }], description: 'd' }), {
    schema: { type: 'string', description: 'd' },
    nullable: true,
  })
  assert.deepEqual(withoutNull({ anyOf: [{ type: 'string' }, { type: 'integer' }] }).nullable, false)
})

test('words are in the singular', () => {
  const plurals = ['networks', 'addresses', 'properties', 'dns', 'key_names', 'address', 'aliases', 'host_routes']
  assert.deepEqual(plurals.map(singular), [
    'network',
    'address',
    'property',
    'dns',
    'key_name',
    'address',
    'aliase',
    'host_route',
  ])
})

test('lists and operations are known by their answers', () => {
  const shape = (noun: string, verb: string) => {
    const route = nouns[noun]?.[verb]
    assert.ok(route)
    const { is_list, has_operation } = commandShape(route, nouns)
    return [is_list, has_operation]
  }
  assert.deepEqual(shape('instance', 'list'), [true, false])
  assert.deepEqual(shape('instance', 'create'), [false, true])
  assert.deepEqual(shape('instance', 'stop'), [false, true])
  assert.deepEqual(shape('flavor', 'create'), [false, false])
})

test('what of a map can be changed in part can be read, with a version where changes are refused by one', () => {
  const changed: string[] = []
  for (const route of allRoutes.flatMap(
    ({ name }) => nouns[name.split('.')[0] ?? '']?.[name.split('.')[1] ?? ''] ?? [],
  )) {
    const shape = commandShape(route, nouns)
    for (const field of shape.fields.filter(one => editsMap(shape, one))) {
      const get = nouns[shape.noun]?.get
      assert.equal(get?.path, route.path, route.name)
      assert.ok(get.reply?.properties?.[field.name], `${route.name} ${field.name}`)
      if (route.errors.includes('changed_meanwhile')) assert.ok(get.reply.properties.version, route.name)
      changed.push(`${shape.noun} --${field.flag} --no-${pluralFlag(field)}`)
    }
  }
  assert.deepEqual(changed.sort(), [
    'aggregate --metadata --no-metadata',
    'host --label --no-labels',
    'image --property --no-properties',
    'image --tag --no-tags',
    'instance --tag --no-tags',
  ])
})

test('lists can be emptied where they are changed', () => {
  const emptied = (noun: string, verb: string) => {
    const route = nouns[noun]?.[verb]
    assert.ok(route)
    const shape = commandShape(route, nouns)
    return shape.fields.filter(one => canBeEmptied(shape, one)).map(pluralFlag)
  }
  assert.deepEqual(emptied('aggregate', 'update'), ['metadata', 'projects'])
  assert.deepEqual(emptied('subnet', 'update'), ['dns', 'host-routes'])
  assert.deepEqual(emptied('port', 'update'), ['security-groups', 'allowed-address-pairs'])
  assert.deepEqual(emptied('subnet', 'create'), [])
})

test('what null and false mean is told of --no-X, and not of --X', () => {
  const { reserved_memory_mib, schedulable, tunnel_address } = fieldsOf('host', 'update')
  const said = [reserved_memory_mib, schedulable, tunnel_address].map(one => [one?.summary, one?.summary_no])
  assert.deepEqual(said, [
    ['Kept back for the host itself; 0 to 16777216', 'as the setting host.reserved_memory_mib says'],
    ['New instances may be placed here', 'none may, and those that are there stay'],
    ['Where other hosts reach it', 'what it says next is believed'],
  ])
  for (const { name } of allRoutes) {
    const [noun = '', verb = ''] = name.split('.')
    const spoken = Object.values(fieldsOf(noun, verb)).filter(one => /\bnull\b/i.test(one.summary))
    assert.deepEqual(
      spoken.map(one => `${name} ${one.flag}: ${one.summary}`),
      [],
    )
  }
})
