/** How a program of Croft's own is run as a service: on the Node of the lockfile, whatever else the machine has. */
import path from 'node:path'

export const root = path.join(import.meta.dirname, '../../..')

export function nodeArgv(program: string, ...args: readonly string[]): string[] {
  const node = path.join(root, 'node_modules/.bin/node')
  return [node, '--disable-warning=ExperimentalWarning', path.join(root, program), ...args]
}
