/**
 * The UI's side of what a plug-in's page may say, over a MessageChannel to its frame. The page's word is never trusted: it gets the
 * routes that its plugin.json names and no others, with the user's own rights; changes and ways to other pages only from a click or
 * a key in the frame. The token stays here. docs/design/0008-ui-plug-ins.md says why.
 */
import type { Event } from '../../api/event.ts'
import type { Plugin } from '../../api/plugin.ts'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { checkedInput, isRecord, Refused } from './checked-input.ts'
import type { Asked, Context, Problem, Said } from './plugin-api.ts'

export interface BridgeEnds {
  plugin: Plugin
  /** By their names. */
  routes: ReadonlyMap<string, Route>
  ask(route: Route, input: LooseInput): Promise<unknown>
  /** Whether the user has just clicked or pressed a key in the frame. */
  activated(): Promise<boolean>
  navigate(path: string, search: Record<string, string>): void
  notice(title: string, notice: { variant: 'success' | 'warning' | 'danger'; detail?: string }): void
  /** Tells the user of a change that was made, or refused, in their name. */
  done(route: Route, outcome: { variant: 'success' | 'danger'; error?: unknown }): void
  resize(height_px: number): void
}

const calls_at_once_max = 6
const calls_waiting_max = 200
const notices_max = 20
const height_px_max = 20_000

export class Bridge {
  private readonly port: MessagePort
  private readonly ends: BridgeEnds
  private readonly queue: (() => Promise<void>)[] = []
  private running = 0
  private notices = 0

  constructor(port: MessagePort, ends: BridgeEnds) {
    this.port = port
    this.ends = ends
    port.onmessage = ({ data }: MessageEvent<unknown>) => this.hear(data)
  }

  context(context: Context): void {
    this.say({ say: 'context', context })
  }

  /** Null: some may have been missed. */
  events(batch: readonly Event[] | null): void {
    const { events: nouns } = this.ends.plugin
    if (nouns.length === 0) return
    const events = batch?.filter(one => nouns.includes(one.noun)) ?? null
    if (events === null || events.length > 0) this.say({ say: 'events', events })
  }

  close(): void {
    this.queue.length = 0
    this.port.close()
  }

  private say(said: Said): void {
    this.port.postMessage(said, [])
  }

  private hear(data: unknown): void {
    if (!isRecord(data)) return
    // Whatever it is, each part is looked at before it is used.
    const asked = data as Partial<Record<keyof Extract<Asked, { do: 'call' }>, unknown>> & Record<string, unknown>
    const { id } = asked
    switch (asked.do) {
      case 'resize':
        if (typeof asked.height === 'number' && Number.isFinite(asked.height))
          this.ends.resize(Math.min(Math.max(asked.height, 0), height_px_max))
        break
      case 'notice':
        this.notice(asked)
        break
      case 'navigate':
        if (typeof id === 'number') void this.answer(id, () => this.navigate(asked.to))
        break
      case 'call':
        if (typeof id === 'number') this.enqueue(id, () => this.call(asked.route, asked.input))
        break
      default:
      // Of a version of the client that is not known here: nothing is promised of it.
    }
  }

  /** Under the plug-in's name, so that nobody takes it for Croft's own; not without end. */
  private notice({ title, variant, detail }: Record<string, unknown>): void {
    if (typeof title !== 'string' || ++this.notices > notices_max) return
    const tone = variant === 'warning' || variant === 'danger' ? variant : 'success'
    this.ends.notice(title.slice(0, 200), {
      variant: tone,
      ...(typeof detail === 'string' && { detail: detail.slice(0, 1000) }),
    })
  }

  private async navigate(to: unknown): Promise<undefined> {
    const match = typeof to === 'string' ? /^(\/[A-Za-z0-9._/-]*)(?:\?(.*))?$/.exec(to) : null
    if (!match?.[1] || match[1].startsWith('//'))
      throw new Refused('navigate takes an address of the UI, such as /instances/ID?search=web.')
    await this.mustBeActivated('Leading to another page')
    this.ends.navigate(match[1], Object.fromEntries(new URLSearchParams(match[2] ?? '')))
    return undefined
  }

  private async mustBeActivated(what: string): Promise<void> {
    if (!(await this.ends.activated()))
      throw new Refused(`${what} must come of a click or a key in the plug-in's page.`)
  }

  private async call(name: unknown, input: unknown): Promise<unknown> {
    const { plugin, routes } = this.ends
    const route = typeof name === 'string' && plugin.routes.includes(name) ? routes.get(name) : undefined
    if (!route)
      throw new Refused(`The plug-in ${plugin.id} may not call "${String(name)}": its plugin.json does not name it.`)
    const checked = checkedInput(route, input)
    const changes = route.method !== 'GET'
    if (changes) await this.mustBeActivated(`${route.name}, which changes something,`)
    try {
      const body = await this.ends.ask(route, checked)
      // What is done in someone's name is seen by them.
      if (changes) this.ends.done(route, { variant: 'success' })
      return body
    } catch (error) {
      if (changes) this.ends.done(route, { variant: 'danger', error })
      throw error
    }
  }

  /** In the order of asking, a few at once. */
  private enqueue(id: number, work: () => Promise<unknown>): void {
    if (this.queue.length >= calls_waiting_max) {
      void this.answer(id, () =>
        Promise.reject(new Refused('Too many calls wait already. Wait for their answers first.')),
      )
      return
    }
    this.queue.push(() => this.answer(id, work))
    this.next()
  }

  private next(): void {
    if (this.running >= calls_at_once_max) return
    const work = this.queue.shift()
    if (!work) return
    this.running++
    void work().finally(() => {
      this.running--
      this.next()
    })
  }

  private async answer(id: number, work: () => Promise<unknown>): Promise<void> {
    try {
      this.say({ say: 'answer', id, body: await work() })
    } catch (error) {
      this.say({ say: 'answer', id, problem: problemOf(error) })
    }
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof ApiProblem) return { code: error.code, status: error.status, detail: error.message }
  if (error instanceof Refused) return { code: 'plugin_refused', status: 0, detail: error.message }
  return { code: 'failed', status: 0, detail: error instanceof Error ? error.message : String(error) }
}
