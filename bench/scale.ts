/**
 * The controller with ten thousand hosts and a hundred thousand instances: all of them linked on the real protocol, beating and
 * measuring, while the database holds a million events of history.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { mustBeGood } from './cloud/client.ts'
import { type BenchCloud, startCloud } from './cloud/cloud.ts'
import { spread, times } from './cloud/load.ts'
import { measure, profiledAs } from './cloud/meter.ts'
import { cpuOfTrees, pssOfTree } from './cloud/proc.ts'
import { memoryInWords } from './cloud/profile.ts'
import { Arrivals, Watcher } from './cloud/watcher.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'

export const figures: readonly FigureSpec[] = [
  { name: 'scale.boot_rate', unit: '/s', target: 300, better: 'more', long: true },
  { name: 'scale.boot_rate_of_16', unit: '/s', better: 'more', long: true },
  { name: 'scale.list_p50', unit: 'ms', target: 15, better: 'less', long: true },
  { name: 'scale.mem', unit: 'MiB', target: 1500, better: 'less', long: true },
  { name: 'scale.idle_cpu', unit: 'cores', target: 0.3, better: 'less', long: true },
  { name: 'scale.reconnect', unit: 's', target: 60, better: 'less', long: true },
]

const whole = { hosts: 10_000, instances: 100_000, events: 1_000_000 }
/** Where there are ten thousand hosts more people ask at the same moment than where there are a few; `boot.rate` has 16. */
const at_once = { 'scale.boot_rate': 64, 'scale.boot_rate_of_16': 16 } as const
/** What was left over by filling has been written, rolled up and collected. */
const settle_ms = 60_000
const idle_ms = 60_000

export async function run(context: BenchContext): Promise<void> {
  const { statements, share } = context
  const of = (count: number) => Math.ceil(count * share)
  const hosts = of(whole.hosts)
  const filled = { instances: of(whole.instances), events: of(whole.events) }
  const size = { cpus: 128, memory_mib: 524_288, pool_gib: 20_000 }
  const from_ms = performance.now()
  const cloud = await startCloud({ hosts, whole_hosts: true, size, statements, inspect: true })
  try {
    await tellCosts(context, cloud, `${hosts} hosts are linked`, { since_ms: from_ms, count: hosts })
    await boot(context, cloud)
    await fill(context, cloud, filled)
    await delay(settle_ms)
    if (context.wants('scale.list_p50')) await list(context, cloud)
    if (context.wants('scale.idle_cpu')) await idle(context, cloud)
    if (context.wants('scale.mem')) {
      context.note(`# scale.mem: PostgreSQL ${Math.round(await pssOfTree(cloud.pids.postgres))} MiB`)
      context.report({ name: 'scale.mem', value: await pssOfTree(cloud.pids.controller) })
      const { inspector } = cloud.controller
      if (inspector) context.note(`# scale.mem: MiB of the controller: ${await memoryInWords(inspector)}`)
    }
    if (context.wants('scale.reconnect')) await reconnect(context, cloud)
  } finally {
    await cloud.close()
  }
}

/** What all has cost since the processes were started, of which `count` things are there now. */
async function tellCosts(
  context: BenchContext,
  { pids }: BenchCloud,
  done: string,
  { since_ms, count }: { since_ms: number; count: number },
): Promise<void> {
  const parts = Object.entries({ controller: pids.controller, postgres: pids.postgres, hosts: pids.hosts })
  const costs = await Promise.all(
    parts.map(async ([part, pid]) => `${part} ${((await cpuOfTrees([pid].flat())) / count).toFixed(2)} ms`),
  )
  const elapsed_s = (performance.now() - since_ms) / 1000
  context.note(`# scale: ${done} after ${elapsed_s.toFixed(1)} s; CPU for each since the start: ${costs.join(', ')}`)
}

/** One instance each, so many at once, each until it is seen running. */
async function boot(context: BenchContext, cloud: BenchCloud): Promise<void> {
  const names = (['scale.boot_rate', 'scale.boot_rate_of_16'] as const).filter(name => context.wants(name))
  if (names.length === 0) return
  const arrivals = new Arrivals()
  const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
  const connections = await Promise.all(Array.from({ length: Math.max(...Object.values(at_once)) }, () => cloud.open()))
  const body = JSON.stringify({ name: 'one', ...cloud.instance })
  const one = async (_: number, worker: number) => {
    const answer = await connections[worker]?.request('POST', '/v1/instances', body)
    if (!answer) throw new Error(`there is no connection ${worker}`)
    mustBeGood(answer, 'create')
    const id = /"id":"([0-9a-f-]{36})"/.exec(answer.body.toString('latin1', 0, 200))?.[1] ?? ''
    await arrivals.when(id, 'running')
  }
  for (const name of names) {
    await spread({ count: 500, within_ms: 5000 }, at_once[name], one)
    const { rate } = await measure(context, cloud, name, () =>
      spread({ count: 5000, within_ms: 10_000 }, at_once[name], one),
    )
    context.report({ name, value: rate })
  }
  watcher.close()
  for (const connection of connections) connection.close()
}

/** Instances by the API, running; history as rows, as a busy month leaves it. */
async function fill(
  context: BenchContext,
  cloud: BenchCloud,
  { instances, events }: { instances: number; events: number },
): Promise<void> {
  const from_ms = performance.now()
  const arrivals = new Arrivals()
  const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
  const connection = await cloud.open()
  await measure(context, cloud, 'scale.fill', async () => {
    for (let made = 0; made < instances; made += 1000) {
      const asked = { name: `fleet-${made / 1000}`, count: 1000, ...cloud.instance }
      const { items } = await connection.json<{ items: { id: string }[] }>('POST', '/v1/instances', asked)
      await Promise.all(items.map(({ id }) => arrivals.when(id, 'running')))
    }
    return instances
  })
  watcher.close()
  connection.close()
  context.note(`# scale: ${instances} instances run after ${Math.round((performance.now() - from_ms) / 1000)} s`)
  const client = new Client({ connectionString: cloud.database_url })
  await client.connect()
  try {
    await client.query(
      `insert into event (at, project_id, noun, resource_id, kind, detail)
       select i.created_at - make_interval(secs => n), i.project_id, 'instance', i.id, 'changed', '{}'
       from (select * from instance limit $1) i, generate_series(1, $2::int) n`,
      [instances, Math.ceil(events / instances)],
    )
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}

async function list(context: BenchContext, cloud: BenchCloud): Promise<void> {
  const connection = await cloud.open()
  const page = async () => mustBeGood(await connection.request('GET', '/v1/instances?limit=1000'), 'list')
  await times(30, page)
  let taken: number[] = []
  await measure(context, cloud, 'scale.list_p50', async () => {
    taken = await times(100, page)
    return taken.length
  })
  context.report({ name: 'scale.list_p50', value: median(taken) })
  connection.close()
}

/** Nobody asks for anything: what heartbeats and samples take of controller and PostgreSQL together. */
async function idle(context: BenchContext, cloud: BenchCloud): Promise<void> {
  const parts = { controller: cloud.pids.controller, postgres: cloud.pids.postgres }
  const costs = () => Promise.all(Object.values(parts).map(pid => cpuOfTrees([pid])))
  const before = await costs()
  let spent: number[] = []
  await measure(context, cloud, 'scale.idle_cpu', async () => {
    await delay(idle_ms)
    spent = (await costs()).map((cpu_ms, at) => (cpu_ms - (before[at] ?? 0)) / idle_ms)
    return idle_ms / 1000
  })
  const [controller = 0, postgres = 0] = spent
  context.note(`# scale.idle_cpu: controller ${controller.toFixed(3)}, PostgreSQL ${postgres.toFixed(3)} cores`)
  context.report({ name: 'scale.idle_cpu', value: controller + postgres })
}

/** The one controller is killed and another takes its place: from the kill until every host has been told all anew. */
async function reconnect(context: BenchContext, cloud: BenchCloud): Promise<void> {
  const from_ms = performance.now()
  const { hosts, pids } = cloud
  const costs = async () => [await cpuOfTrees([pids.postgres]), await cpuOfTrees(pids.hosts)]
  const [postgres_ms = 0, hosts_ms = 0] = await costs()
  const [taken_ms = Number.NaN] = await times(1, async () => {
    await profiledAs(context, hosts.inspector, 'scale.reconnect-hosts', async () => {
      const all = hosts.inSync(text => context.note(`# scale.reconnect: ${text}`))
      await cloud.replaceController()
      context.note(`# scale.reconnect: another controller answers after ${Math.round(performance.now() - from_ms)} ms`)
      await profiledAs(context, cloud.controller.inspector, 'scale.reconnect', () => all)
    })
  })
  const [postgres_end_ms = 0, hosts_end_ms = 0] = await costs()
  const controller_ms = await cpuOfTrees([cloud.pids.controller])
  const spent = `controller ${controller_ms} ms, PostgreSQL ${postgres_end_ms - postgres_ms} ms, hosts ${hosts_end_ms - hosts_ms} ms`
  context.note(`# scale.reconnect: CPU: ${spent}`)
  context.report({ name: 'scale.reconnect', value: taken_ms / 1000 })
}
