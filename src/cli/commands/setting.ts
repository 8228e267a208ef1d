/** What is hand-made about settings: their history without the name of one is that of all. */
import { givenOf, type Options } from '../build-command.ts'
import { commandShape } from '../command-shape.ts'
import { runCommand } from '../run.ts'
import type { Comfort } from '../shop.ts'

export const comfort: Comfort = {
  extend(noun) {
    const history = noun.commands.find(command => command.name() === 'history')
    history?.registeredArguments[0]?.argOptional()
  },
  instead: {
    async history(context, command, words, shape) {
      const { watch } = command.opts<Options>()
      const given = givenOf(command, shape, words)
      const modes = { wait: false, watch: watch === true }
      const changes = context.nouns.setting?.changes
      if (words[0] !== undefined || !changes) return await runCommand(context, shape, given, modes)
      const all = commandShape(changes, context.nouns)
      const fields = new Map(all.fields.map(field => [field.name, field]))
      const named = [...given].flatMap(([{ name }, typed]) => {
        const field = fields.get(name)
        return field ? [[field, typed] as const] : []
      })
      await runCommand(context, all, new Map(named), modes)
    },
  },
}
