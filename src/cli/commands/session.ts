/** `croft sign-in`, `sign-out`, `whoami`. */
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { Session, SignedIn } from '../../api/session.ts'
import { createClient } from '../../sdk/node-client.ts'
import { addCommonOptions } from '../build-command.ts'
import { placeOf } from '../connect.ts'
import { call, type Context, routeOf } from '../context.ts'
import { UsageError } from '../failure.ts'
import { readPassword } from '../password-prompt.ts'
import type { Shop } from '../shop.ts'
import { readSession, removeSession, sessionFile, writeSession } from '../session-file.ts'
import { fieldsOf } from '../show.ts'

export function registerSignIn(program: Command, shop: Shop): void {
  const command = program
    .command('sign-in')
    .summary('sign in with a password; later commands act as you')
    .description(
      'Sign in with a password, asked for without echo, or read as a line from standard input. The token is kept in a file that only you can read, until it expires or you sign out.',
    )
    .option('--user <name>', 'asked for if not given')
    .option('--domain <name>', 'of the user (default: default)')
  addCommonOptions(command).action((options: { user?: string; domain?: string }) =>
    signIn(shop.contextOf(command), options),
  )
}

async function signIn(context: Context, { user, domain }: { user?: string; domain?: string }): Promise<void> {
  const { env, globals, out } = context
  const { url, ca_pem } = await placeOf(env, { ...globals, token: 'none' })
  const name = user ?? (await askName())
  const password = await readPassword(`Password of ${name} at ${url}: `)
  const project = globals.project ?? env.project
  const body = { user: name, password, ...(domain && { domain }), ...(project && { project }) }
  const client = createClient({ url, ca_pem })
  const answer = await client.askLoosely(routeOf(context, 'session', 'create'), { body })
  const session = answer.body as SignedIn
  await writeSession(env, {
    url,
    token: session.token,
    expires_at: session.expires_at,
    user: session.user.name,
    project: session.project && { id: session.project.id, name: session.project.name },
    ...(ca_pem !== undefined && { ca_pem }),
  })
  if (out.json) {
    // The token is in the file; here it would end in logs.
    const { token: _, ...told } = session
    out.printJson({ url, ...told })
  } else {
    const where = session.project ? ` in the project ${session.project.name}` : ''
    out.note(`Signed in at ${url} as ${session.user.name}${where}, until ${session.expires_at}.`)
  }
}

async function askName(): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError('Who signs in? Say --user NAME.')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await lines.question('User: ')).trim()
  } finally {
    lines.close()
  }
}

export function registerSignOut(program: Command, shop: Shop): void {
  const command = program.command('sign-out').description('Sign out: the token is good for nothing any more.')
  addCommonOptions(command).action(() => signOut(shop.contextOf(command)))
}

async function signOut(context: Context): Promise<void> {
  const { env, out } = context
  const kept = await readSession(env)
  if (!kept) {
    out.note('Nobody is signed in here.')
    if (out.json) out.printJson(null)
    return
  }
  const tokens = [kept.token, ...Object.values(kept.projects ?? {}).map(one => one.token)]
  // Forgotten here even if the controller cannot be told: then the tokens end by themselves.
  await removeSession(env)
  for (const token of tokens) {
    const client = createClient({ url: kept.url, token, ca_pem: kept.ca_pem })
    await client.askLoosely(routeOf(context, 'session', 'delete'), {}).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      out.note(`The token was forgotten here, but could not be ended at ${kept.url}: ${why}`)
    })
  }
  out.note(`Signed out of ${kept.url}.`)
  if (out.json) out.printJson(null)
}

export function registerWhoami(program: Command, shop: Shop): void {
  const command = program.command('whoami').description('Who you are, where, and what you may do.')
  addCommonOptions(command).action(() => whoami(shop.contextOf(command)))
}

async function whoami(context: Context): Promise<void> {
  const { url } = await context.client()
  const session: Session = await call(context, 'session', 'get', {})
  const { out, env } = context
  if (out.json) return out.printJson({ url, ...session })
  if (out.quiet) return out.print(`${session.user.name}\n`)
  const held = session.permissions.system.length > 0 ? session.permissions.system : session.permissions.project
  const kept = await readSession(env)
  out.print(
    fieldsOf(context, {
      user: session.user.name,
      project: session.project?.name ?? null,
      controller: url,
      roles: session.roles.map(one => (one.scope === 'project' ? one.role : `${one.role} (${one.scope})`)),
      permissions: held,
      expires_at: session.expires_at,
      ...(kept?.url === url && { kept_in: sessionFile(env) }),
    }),
  )
}
