/**
 * What a plug-in's page builds on: `import { connect } from '/plugins/api.js'`. This very file, with its types taken out, is what the
 * controller serves there (at /plugins/api.ts as it stands here, for editors), so it imports nothing. docs/plug-ins.md tells it as a story.
 * Not its job: what is allowed, which the UI around the frame decides (bridge.ts), and in the end the API.
 */

/** By language; en is there always. */
export type Texts = Readonly<Record<string, string>>

/** What a page is about and for whom. It comes anew whenever a part of it changes. */
export interface Context<Settings = Readonly<Record<string, unknown>>, Item = Readonly<Record<string, unknown>>> {
  plugin: { id: string; version: string }
  /** Of a tab: the noun on whose page it is, and the thing as the API has it now. Both null on a page of its own. */
  noun: string | null
  item: Item | null
  /** 'en', 'de' */
  language: string
  theme: 'light' | 'dark'
  /** For Intl: an IANA name, such as Europe/Berlin or UTC. */
  time_zone: string
  user: { id: string; name: string }
  project: { id: string; name: string } | null
  /** Of each route that plugin.json names: whether the user may use it. */
  may: Readonly<Record<string, boolean>>
  /** From plugin.json. */
  settings: Settings
  /** Colours and fonts of the UI by name; as --croft-NAME in style sheets. */
  look: Readonly<Record<string, string>>
}

/** As docs/api.md has it: what happened to which thing. `resource`: the thing as it is now, of some nouns. */
export interface Happened {
  noun: string
  kind: string
  resource_id: string
  resource?: unknown
  [more: string]: unknown
}

export interface Input {
  params?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, unknown>>
  body?: unknown
  /** The version that was seen; another one now is refused. */
  if_match?: number
  /** For the end of what is started, at most so long. */
  wait_s?: number
}

export interface Page<T> {
  items: T[]
  next: string | null
}

/** Why a call was refused: by the API (its code and status), or by the UI before it ('plugin_refused', status 0). */
export class CallRefused extends Error {
  readonly code: string
  readonly status: number
  constructor({ code, status, detail }: Problem) {
    super(detail)
    this.name = 'CallRefused'
    this.code = code
    this.status = status
  }
}

export interface Problem {
  code: string
  status: number
  detail: string
}

/** What the page asks the UI for. */
export type Asked =
  | { do: 'call'; id: number; route: string; input: Input }
  | { do: 'navigate'; id: number; to: string }
  | { do: 'notice'; title: string; variant: 'success' | 'warning' | 'danger'; detail?: string }
  | { do: 'resize'; height: number }

/** What the UI says to the page. */
export type Said =
  | { say: 'context'; context: Context }
  | { say: 'answer'; id: number; body?: unknown; problem?: Problem }
  /** Null: some may have been missed; what is shown is to be read again. */
  | { say: 'events'; events: Happened[] | null }

export const hello = 'croft-plugin-hello'
export const welcome = 'croft-plugin-welcome'

export interface Croft<Settings = Readonly<Record<string, unknown>>, Item = Readonly<Record<string, unknown>>> {
  /** As it is now. */
  readonly context: Context<Settings, Item>
  /** Called now, and whenever the context changes. */
  show(draw: (context: Context<Settings, Item>) => void): void
  /** Called with what happened to the nouns that plugin.json names under events; with null when some of it may have been missed. */
  follow(hear: (events: Happened[] | null) => void): void
  /** A route of the API by its name. What changes something must come of a click or a key in the page. Rejects with CallRefused. */
  call<T = unknown>(route: string, input?: Input): Promise<T>
  /** All items of a list, page after page. */
  all<T = unknown>(route: string, query?: Readonly<Record<string, unknown>>): Promise<T[]>
  /** Whether the user may use a route, for buttons; the API decides. */
  may(route: string): boolean
  /** To an address of the UI, such as /instances/ID; must come of a click or a key in the page. */
  navigate(to: string): Promise<void>
  /** In the corner of the UI, under the plug-in's name. */
  notice(title: string, options?: { variant?: 'success' | 'warning' | 'danger'; detail?: string }): void
  /** The text in the user's language. */
  text(texts: Texts): string
}

let connected: Promise<unknown> | undefined

/** Resolves when the UI has answered; all that a page asks for it are one connection. The page's height is followed, and language, colours and fonts are put on its root element. */
export function connect<
  Settings = Readonly<Record<string, unknown>>,
  Item = Readonly<Record<string, unknown>>,
>(): Promise<Croft<Settings, Item>> {
  connected ??= greet<Settings, Item>()
  return connected as Promise<Croft<Settings, Item>>
}

function greet<Settings, Item>(): Promise<Croft<Settings, Item>> {
  return new Promise(resolve => {
    addEventListener('message', ({ source, data, ports: [port] }: MessageEvent<unknown>) => {
      const said = data as { croft?: unknown; context?: Context<Settings, Item> } | null
      if (source !== parent || said?.croft !== welcome || !said.context || !port) return
      resolve(new Connection(port, said.context))
    })
    // Nobody but the UI can be around this page: its Content-Security-Policy says so.
    parent.postMessage({ croft: hello, version: 1 }, '*')
  })
}

interface Waiting {
  resolve(body: unknown): void
  reject(error: Error): void
}

class Connection<S, I> implements Croft<S, I> {
  context: Context<S, I>
  private readonly port: MessagePort
  private readonly waiting = new Map<number, Waiting>()
  private readonly drawers: ((context: Context<S, I>) => void)[] = []
  private readonly hearers: ((events: Happened[] | null) => void)[] = []
  private asked = 0

  constructor(port: MessagePort, context: Context<S, I>) {
    this.port = port
    this.context = context
    this.wear()
    port.onmessage = ({ data }: MessageEvent<Said>) => this.hear(data)
    const root = document.documentElement
    new ResizeObserver(() => {
      this.ask({ do: 'resize', height: Math.ceil(root.getBoundingClientRect().height) })
    }).observe(root)
  }

  show(draw: (context: Context<S, I>) => void): void {
    this.drawers.push(draw)
    draw(this.context)
  }

  follow(hear: (events: Happened[] | null) => void): void {
    this.hearers.push(hear)
  }

  call<T>(route: string, input: Input = {}): Promise<T> {
    return this.wait(id => ({ do: 'call', id, route, input })) as Promise<T>
  }

  async all<T>(route: string, query: Readonly<Record<string, unknown>> = {}): Promise<T[]> {
    const items: T[] = []
    let cursor: string | null = null
    do {
      const page: Page<T> = await this.call(route, { query: { limit: 200, ...query, ...(cursor && { cursor }) } })
      items.push(...page.items)
      cursor = page.next
    } while (cursor)
    return items
  }

  may(route: string): boolean {
    return this.context.may[route] === true
  }

  async navigate(to: string): Promise<void> {
    await this.wait(id => ({ do: 'navigate', id, to }))
  }

  notice(title: string, options: { variant?: 'success' | 'warning' | 'danger'; detail?: string } = {}): void {
    this.ask({ do: 'notice', title, variant: 'success', ...options })
  }

  text(texts: Texts): string {
    return texts[this.context.language] ?? texts.en ?? ''
  }

  private ask(asked: Asked): void {
    this.port.postMessage(asked, [])
  }

  private wait(ask: (id: number) => Asked): Promise<unknown> {
    const id = ++this.asked
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.ask(ask(id))
    })
  }

  private hear(said: Said): void {
    switch (said.say) {
      case 'context':
        this.context = said.context as Context<S, I>
        this.wear()
        for (const draw of this.drawers) draw(this.context)
        break
      case 'answer': {
        const waiting = this.waiting.get(said.id)
        this.waiting.delete(said.id)
        if (said.problem) waiting?.reject(new CallRefused(said.problem))
        else waiting?.resolve(said.body)
        break
      }
      case 'events':
        for (const hear of this.hearers) hear(said.events)
        break
      default:
        said satisfies never
    }
  }

  private wear(): void {
    const root = document.documentElement
    const { language, theme, look } = this.context
    root.lang = language
    root.dataset.theme = theme
    root.style.colorScheme = theme
    for (const [name, value] of Object.entries(look)) root.style.setProperty(`--croft-${name}`, value)
  }
}
