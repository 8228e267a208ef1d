/** What the contract may do that is not the rule, with the reason. */

/** Routes that anybody may use who reaches the server. */
export const publicRoutes: ReadonlySet<string> = new Set([
  // Signing in is how one stops being nobody.
  'session.create',
  // The secret of a link is its own right: to look on at one console.
  'console-link.open',
])

/** Nouns that are not a file of their own in every layer, and where they are. */
export const nounsElsewhere: Readonly<Record<string, string>> = {
  'console-link': 'a way to a console: told with consoles',
  'image-upload': "the resumable way to an image's content: of the image in store",
  plugin: 'a folder on the controller: the database knows nothing of it',
  search: 'looks through the lists of all other nouns: nothing of its own in store',
  placement: 'why an instance is where it is: told with instances',
}
