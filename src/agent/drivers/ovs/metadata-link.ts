/**
 * The network namespaces from which guests have their metadata, and the veth pairs into them, by their names alone: so that they can be
 * found and removed without a switch that knows of them.
 * Not its job: making them, and what listens inside (metadata-namespace.ts).
 */
import { deleteLink, listNamespaces } from '../../../lib/linuxnet/ip.ts'
import { runProgram } from '../../../lib/linuxnet/program.ts'

const namespace_prefix = 'croft-md-'

/**
 * Ten digits are enough to tell the networks of one host apart, and device names hold 15 characters. The last ones: a UUIDv7
 * begins with the time (RFC 9562, section 5.7), and networks made together would begin alike.
 */
const short = (network_id: string) => network_id.replaceAll('-', '').slice(-10)
export const namespaceOf = (network_id: string) => namespace_prefix + short(network_id)
export const deviceOf = (network_id: string) => `md${short(network_id)}`

/** All that are on this host, whoever wants them. */
export async function metadataNamespaces(): Promise<string[]> {
  return (await listNamespaces()).filter(name => name.startsWith(namespace_prefix))
}

/** With its link; that it is gone is no error. */
export async function removeNamespace(namespace: string): Promise<void> {
  await deleteLink(`md${namespace.slice(namespace_prefix.length)}`)
  if ((await listNamespaces()).includes(namespace)) await runProgram(['ip', 'netns', 'delete', namespace])
}
