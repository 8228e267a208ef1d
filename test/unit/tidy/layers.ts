/**
 * Which folder may import which: the one table of the house's floors. A folder may always import itself. What breaks a
 * rule for a good reason stands in `exceptions`, with the reason; an exception that is no longer needed fails the test.
 */

/** The longest prefix that fits a file is its layer. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  // What everybody shares: pure, and below everything.
  'src/model/': ['package.json'],
  'src/api/': ['src/model/'],
  'src/protocol/': ['src/model/'],
  // General parts, usable without Croft.
  'src/lib/': [],
  // The controller, from its bottom to its top.
  'src/controller/scheduler/': ['src/model/'],
  'src/controller/ovn/': ['src/model/', 'src/lib/'],
  'src/controller/fencing/': ['src/model/', 'src/lib/'],
  'src/controller/store/': [
    'src/model/',
    'src/api/',
    'src/protocol/',
    'src/lib/',
    'src/controller/scheduler/',
    'src/controller/ovn/',
  ],
  'src/controller/app/': [
    'src/model/',
    'src/api/',
    'src/protocol/',
    'src/lib/',
    'src/controller/scheduler/',
    'src/controller/fencing/',
    'src/controller/store/',
    'src/controller/cloud.ts',
  ],
  'src/controller/agents/': [
    'src/model/',
    'src/protocol/',
    'src/lib/',
    'src/controller/store/',
    'src/controller/app/',
    'src/controller/cloud.ts',
  ],
  'src/controller/http/': ['src/model/', 'src/api/', 'src/lib/', 'src/controller/app/', 'src/controller/cloud.ts'],
  'src/controller/reconcilers/': [
    'src/model/',
    'src/protocol/',
    'src/lib/',
    'src/controller/ovn/',
    'src/controller/fencing/',
    'src/controller/store/',
    'src/controller/app/',
    'src/controller/agents/',
    'src/controller/cloud.ts',
  ],
  // Puts the controller together: the only place that knows all of it.
  'src/controller/': ['src/model/', 'src/lib/', 'src/controller/'],
  // A host: the agent knows the protocol, never the controller or the API.
  'src/agent/': ['src/model/', 'src/protocol/', 'src/lib/'],
  'src/images/': ['src/lib/'],
  // Users of the API.
  'src/sdk/': ['src/model/', 'src/api/'],
  // In a browser: of the contract only types; its values come at build time (scripts/ui/routes-plugin.ts).
  'src/ui/': ['src/model/', 'src/api/', 'src/sdk/'],
  'src/host/': [
    'src/model/',
    'src/api/',
    'src/protocol/',
    'src/lib/',
    'src/images/',
    'src/sdk/',
    'src/config.ts',
    'src/client-environment.ts',
  ],
  'src/cli/': [
    'src/model/',
    'src/api/',
    'src/lib/',
    'src/sdk/',
    'src/host/',
    'src/config.ts',
    'src/client-environment.ts',
  ],
  'src/config.ts': ['src/model/', 'src/lib/', 'src/host/error.ts', 'src/client-environment.ts'],
  'src/client-environment.ts': [],
}

/** 'from -> to' and why it is allowed. */
export const exceptions: Readonly<Record<string, string>> = {
  'src/controller/agents/link-server.ts -> src/controller/http/problem.ts':
    'the link answers plain HTTP before it is a link, with the problems that the API has',
  'src/cli/commands/host-join.ts -> src/agent/join.ts':
    '`croft host join` makes this machine a host, which is not asked of the API',
  'src/cli/commands/image.ts -> src/images/recipe.ts': '`croft image build` builds on the machine it runs on',
  'src/host/up.ts -> src/agent/identity.ts': '`croft up` must know whether this host has joined already',
  'src/host/up.ts -> src/agent/join.ts': '`croft up` joins the host that it runs on',
  'src/host/up.ts -> src/agent/machine-id.ts': '`croft up` must know whether this machine was a host before',
  'src/host/leave.ts -> src/agent/identity.ts': '`croft host leave` leaves as the host that this machine is',
  'src/host/up.ts -> src/agent/join-request.ts': '`croft up` joins the host that it runs on',
  'src/host/leave.ts -> src/agent/join-request.ts': '`croft host leave` leaves as the host that this machine is',
  'src/host/leave.ts -> src/agent/drivers/ovs/metadata-link.ts':
    '`croft host leave` removes the namespaces that the agent made',
  'src/host/leave.ts -> src/agent/drivers/storage/pool-mark.ts': '`croft host leave` tells a pool’s marks from data',
  'src/controller/agents/link-server.ts -> src/controller/http/rate-limit.ts':
    'who joins has no caller yet, and is bounded as callers are',
  'src/host/start.ts -> src/agent/identity.ts': '`croft start` starts a host only where one has joined',
}

/** Packages that only one layer may use, so that a change of library is a change of one folder. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  kysely: ['src/controller/store/'],
  'kysely/migration': ['src/controller/store/'],
  pg: ['src/controller/store/', 'src/host/'],
  fastify: ['src/controller/http/', 'src/controller/agents/'],
  '@fastify/swagger': ['src/controller/http/'],
  '@peculiar/x509': ['src/lib/ca/', 'src/agent/join.ts'],
  'fast-xml-parser': ['src/agent/drivers/libvirt/', 'src/lib/'],
  commander: ['src/cli/'],
  'cli-table3': ['src/cli/'],
  '@tus/server': ['src/controller/http/'],
  react: ['src/ui/'],
  '@patternfly/react-core': ['src/ui/'],
  '@tanstack/react-query': ['src/ui/'],
  '@tanstack/react-router': ['src/ui/'],
  vite: ['scripts/'],
}

/** The layer of a file: its longest prefix in the table; null for files outside src/. */
export function layerOf(file: string): string | null {
  const fitting = Object.keys(layers).filter(prefix => file.startsWith(prefix))
  return fitting.sort((a, b) => b.length - a.length)[0] ?? null
}
