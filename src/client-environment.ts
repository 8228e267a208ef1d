/**
 * What a client takes from its environment. Apart from config.ts, whose schemas and YAML would cost each command 100 ms; these
 * two are the only places that read the process's environment.
 */

type Environment = Readonly<Record<string, string | undefined>>

/** What the CLI takes from its environment. */
export type ClientEnvironment = {
  url: string | undefined
  token: string | undefined
  project: string | undefined
  /** A file of certificates (PEM) to trust for https. */
  ca_file: string | undefined
  home: string | undefined
  /** XDG Base Directory Specification. */
  config_home: string | undefined
  cache_home: string | undefined
  /** https://no-color.org */
  no_color: boolean
  ci: boolean
  terminal: string | undefined
}

export function clientEnvironment(env: Environment = process.env): ClientEnvironment {
  return {
    url: env.CROFT_URL || undefined,
    token: env.CROFT_TOKEN || undefined,
    project: env.CROFT_PROJECT || undefined,
    ca_file: env.CROFT_CA || undefined,
    home: env.HOME || undefined,
    config_home: env.XDG_CONFIG_HOME || undefined,
    cache_home: env.XDG_CACHE_HOME || undefined,
    no_color: Boolean(env.NO_COLOR),
    ci: Boolean(env.CI),
    terminal: env.TERM || undefined,
  }
}
