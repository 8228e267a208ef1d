/**
 * Tells, a line each, what a playground's controller does about hosts that are lost: what others say of them, how they are fenced, where
 * instances run again and why. It hears what any event stream hears.
 */
import type { Cloud } from '../src/controller/cloud.ts'
import type { EventRow } from '../src/controller/store/event.ts'

export class Narrator {
  private readonly cloud: Cloud
  private readonly tell: (line: string) => void
  /** One after the other, so that lines come in the order of events. */
  private last: Promise<void> = Promise.resolve()
  private readonly stopWatching: () => void

  constructor(cloud: Cloud, tell: (line: string) => void) {
    this.cloud = cloud
    this.tell = tell
    this.stopWatching = cloud.events.watch(events => {
      for (const one of events) {
        if (!isOfLoss(one)) continue
        this.last = this.last.then(() => this.say(one)).catch((error: unknown) => this.tell(String(error)))
      }
    })
  }

  async close(): Promise<void> {
    this.stopWatching()
    await this.last
  }

  private async say(one: EventRow): Promise<void> {
    const words = await this.wordsOf(one)
    if (words !== null) this.tell(`${one.at.toISOString().slice(11, 19)}  ${words}`)
  }

  private async wordsOf({ noun, resource_id, detail }: EventRow): Promise<string | null> {
    const { db } = this.cloud.database
    const { availability, storm, ha, back_from = null } = detail as Partial<Record<string, string>>
    const called = (table: 'host' | 'zone' | 'instance') =>
      db.selectFrom(table).select('name').where('id', '=', resource_id).executeTakeFirst()
    if (noun === 'host' && availability !== undefined) return `${(await called('host'))?.name}: ${availability}`
    if (noun === 'host' && back_from !== null) return `${(await called('host'))?.name}: is back`
    if (noun === 'zone' && storm !== undefined) {
      const { gone, hosts } = detail as { gone?: number; hosts?: number }
      const why = `: ${gone} of ${hosts} hosts vanished at once, so nothing is fenced`
      const rest = gone === undefined ? '' : why
      return `zone ${(await called('zone'))?.name}: storm ${storm}${rest}`
    }
    if (noun !== 'instance' || ha === undefined) return null
    const restart = await db
      .selectFrom('ha_restart')
      .select(['reason', 'failure', 'to_host'])
      .where('instance_id', '=', resource_id)
      .orderBy('id', 'desc')
      .executeTakeFirst()
    const name = (await called('instance'))?.name
    if (ha === 'restarted') return `${name}: ${restart?.reason}`
    if (ha === 'running') return `${name}: runs on ${restart?.to_host}`
    return `${name}: ${restart?.failure ?? ha}`
  }
}

function isOfLoss({ detail }: EventRow): boolean {
  return (
    typeof detail === 'object' &&
    detail !== null &&
    ['availability', 'storm', 'ha', 'back_from'].some(name => name in detail)
  )
}
