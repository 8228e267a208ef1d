/**
 * The images that Croft builds itself: the list of recipes. A recipe turns packages of the machine's own
 * distribution into one qcow2 file. Not its job: registering the result, or where downloads are kept.
 */
import { BuildError, type BuildOptions, type BuiltImage, type Recipe, type RecipePackage } from './build.ts'
import { debian12 } from './debian-12.ts'
import { tiny } from './tiny.ts'

export type { BuildOptions, BuiltImage, Recipe, RecipePackage } from './build.ts'
export { BuildError } from './build.ts'

export const recipes: readonly Recipe[] = [tiny, debian12]

/** Builds the image of that name. Throws BuildError, or the signal's reason when aborted. */
export async function buildImage(name: string, options: BuildOptions): Promise<BuiltImage> {
  const recipe = recipes.find(one => one.name === name)
  if (!recipe) {
    const known = recipes.map(one => one.name).join(', ')
    throw new BuildError('unknown_recipe', `There is no recipe ${name}; there are: ${known}.`)
  }
  return recipe.build(options)
}

/** What must be installed on this machine to build these images, and why; each package once. */
export function recipePackages(names: readonly string[] = recipes.map(one => one.name)): RecipePackage[] {
  const found = new Map<string, RecipePackage>()
  for (const recipe of recipes) {
    if (!names.includes(recipe.name)) continue
    for (const entry of recipe.packages) if (!found.has(entry.name)) found.set(entry.name, entry)
  }
  return [...found.values()]
}
