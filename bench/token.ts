/** Requests that a token opens: GET /v1/session, by many tokens in turn, eight at once. */

import { mustBeGood } from './cloud/client.ts'
import { startCloud } from './cloud/cloud.ts'
import { spread } from './cloud/load.ts'
import { measure } from './cloud/meter.ts'
import type { BenchContext, FigureSpec } from './figures.ts'

export const figures: readonly FigureSpec[] = [{ name: 'token.check_rate', unit: '/s', target: 5000, better: 'more' }]

const at_once = 8
const most = { count: 20_000, within_ms: 10_000 }

export async function run(context: BenchContext): Promise<void> {
  const cloud = await startCloud({ hosts: 0, statements: context.statements, inspect: context.profile_dir !== null })
  try {
    const connections = await Promise.all(Array.from({ length: at_once }, () => cloud.open()))
    const tokens: string[] = []
    for (let n = 0; n < 100; n++) {
      const made = await connections[0]?.json<{ token: string }>('POST', '/v1/session/project', {
        project: cloud.project_id,
      })
      tokens.push(made?.token ?? '')
    }
    const check = async (n: number, worker: number) => {
      const answer = await connections[worker]?.request('GET', '/v1/session', undefined, tokens[n % tokens.length])
      if (answer) mustBeGood(answer, 'GET /v1/session')
    }
    await spread({ count: 2000 }, at_once, check)
    const { rate } = await measure(context, cloud, 'token.check_rate', () => spread(most, at_once, check))
    context.report({ name: 'token.check_rate', value: rate })
    for (const connection of connections) connection.close()
  } finally {
    await cloud.close()
  }
}
