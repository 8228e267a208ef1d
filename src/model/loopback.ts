/** What is reached on one machine alone. */

/** Whether what listens there, or is reached there, is this machine itself; also by the name `localhost`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** The host of an address of a controller that no other machine reaches: hosts cannot join there. Null: they can. */
export function loopbackOf(controller_url: string): string | null {
  const host = new URL(controller_url).hostname.replace(/^\[|\]$/g, '')
  return isLoopback(host) ? host : null
}
