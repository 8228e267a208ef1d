/** Plug-ins of the web UI: how large they may be, and what none of them is ever given. */
export const plugin_limits = {
  plugins_max: 32,
  files_max: 256,
  folders_max: 32,
  file_bytes_max: 2 * 1024 * 1024,
  /** They are held in memory. */
  plugin_bytes_max: 4 * 1024 * 1024,
  manifest_bytes_max: 64 * 1024,
  text_length_max: 200,
} as const

const opens = 'its answer opens a way to the cloud or into a guest'
const account = "it is about the user's own way in"

/** Routes that no plug-in may ask for, whoever approves it, and why. */
export const never_for_plugins: Readonly<Record<string, string>> = {
  'session.create': account,
  'session.project': opens,
  'session.delete': account,
  'user.password': account,
  'api-key.create': opens,
  'key-pair.create': opens,
  'host.invite': opens,
  'instance.console': opens,
  'instance.reset-password': opens,
  'console-link.create': opens,
  'console-link.open': opens,
}
