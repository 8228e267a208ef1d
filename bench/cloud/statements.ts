/** Which statements PostgreSQL ran during a measurement, how often and how long: by pg_stat_statements. */
import { Client } from 'pg'

interface Row {
  query: string
  calls: string
  total_exec_time: number
  plans: string
  total_plan_time: number
}

export class Statements {
  static readonly settings = {
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.max': '10000',
    'pg_stat_statements.track_planning': 'on',
  }
  private readonly client: Client

  private constructor(client: Client) {
    this.client = client
  }

  static async open(database_url: string): Promise<Statements> {
    const client = new Client({ connectionString: database_url })
    await client.connect()
    await client.query('create extension if not exists pg_stat_statements')
    return new Statements(client)
  }

  async reset(): Promise<void> {
    await this.client.query('select pg_stat_statements_reset()')
  }

  /** The most expensive ones, a line each, per operation of which `count` were done. */
  async top(count: number, lines = 25): Promise<string[]> {
    const { rows } = await this.client.query<Row>(
      `select query, calls, total_exec_time, plans, total_plan_time from pg_stat_statements
       order by total_exec_time + total_plan_time desc`,
    )
    const calls = rows.reduce((sum, row) => sum + Number(row.calls), 0)
    const time_ms = rows.reduce((sum, row) => sum + row.total_exec_time, 0)
    const plans_ms = rows.reduce((sum, row) => sum + row.total_plan_time, 0)
    const per = (value: number) => (value / count).toFixed(3)
    return [
      `  statements: ${per(calls)} and ${per(time_ms)} ms of execution for each, ${per(plans_ms)} ms of planning`,
      ...rows
        .slice(0, lines)
        .map(
          row =>
            `  ${per(row.total_exec_time)} ms  ${per(Number(row.calls))} x  planned ${per(row.total_plan_time)} ms ${per(Number(row.plans))} x  ${row.query.replaceAll(/\s+/g, ' ').slice(0, 160)}`,
        ),
    ]
  }

  close(): Promise<void> {
    return this.client.end()
  }
}
