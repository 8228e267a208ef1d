/**
 * A guest's screen by SPICE in a place of the page: a main connection, and one each for picture, keys and pointer, each with a ticket of
 * its own. They are one viewer, and end together. Loaded when needed; the graphical console is screen.ts's.
 */
import type { ConsoleTicket } from '../../../api/console.ts'
import { consoleClosed } from '../../../model/console.ts'
import { keyNamed } from '../keys.ts'
import { pictureOf } from '../picture-of.ts'
import type { ConsoleAsked, ConsoleSession, Scale } from '../session.ts'
import { lost_code, openSocket } from '../socket.ts'
import { Typist } from '../typist.ts'
import { Agent } from './agent.ts'
import { type Bytes, pack, u16 } from './bytes.ts'
import { type ChannelName, channelType, SpiceChannel } from './channel.ts'
import { Cursor } from './cursor.ts'
import { Display, displayCaps } from './display.ts'
import { Inputs } from './inputs.ts'

/** For the main connection's own word on why another one ended. */
const last_words_ms = 12
const on_windows = navigator.platform.startsWith('Win')
const resize_settles_ms = 250
const client_mode = 2
const main = { attach: 104, mouse_mode: 105 }
const cap_agent_tokens = 2
/** Of what a mouse reports that turns its wheel by one step, at least. */
const wheel_step = 40

export function openSpice(asked: ConsoleAsked, further: () => Promise<ConsoleTicket>): ConsoleSession {
  return new SpiceScreen(asked, further).session()
}

class SpiceScreen {
  readonly #asked: ConsoleAsked
  readonly #further: () => Promise<ConsoleTicket>
  readonly #canvas = document.createElement('canvas')
  readonly #display: Display
  readonly #cursor: Cursor
  readonly #agent: Agent
  readonly #main: SpiceChannel
  readonly #sockets: WebSocket[] = []
  readonly #over = new AbortController()
  readonly #typist = new Typist((code, is_down) => void this.#inputs?.key(code, is_down), navigator.platform)
  #inputs: Inputs | null = null
  #session = 0
  #begun = false
  #drawn = false
  #mode = 0
  #scale: Scale
  #settling = 0
  #turned = 0

  constructor(asked: ConsoleAsked, further: () => Promise<ConsoleTicket>) {
    this.#asked = asked
    this.#further = further
    this.#scale = asked.scale
    this.#typist.layout = asked.layout
    const { place, label, events } = asked
    this.#canvas.tabIndex = 0
    // In a line of text there would be room for what hangs below it.
    this.#canvas.style.display = 'block'
    this.#canvas.setAttribute('aria-label', label)
    place.replaceChildren(this.#canvas)
    this.#cursor = new Cursor(this.#canvas)
    this.#display = new Display(this.#canvas, {
      sized: () => this.#fit(),
      drawn: () => this.#opened(true),
    })
    const socket = this.#socket(asked.url)
    this.#main = new SpiceChannel({
      name: 'main',
      socket,
      session: 0,
      caps: [cap_agent_tokens],
      onOpen: () => undefined,
      onMessage: (type, body) => this.#hear(type, body),
    })
    this.#agent = new Agent(this.#main, text => events.clipboard(text))
    socket.addEventListener('close', ({ code, reason }) => this.#end(code, reason))
    this.#listen()
  }

  session(): ConsoleSession {
    return {
      type: (text, signal, keyboard) => this.#typist.type(text, AbortSignal.any([signal, this.#over.signal]), keyboard),
      press: keys => {
        const codes = keys.map(key => keyNamed(key).code ?? '')
        for (const code of codes) this.#inputs?.key(code, true)
        for (const code of codes.toReversed()) this.#inputs?.key(code, false)
      },
      hold: (key, down) => void this.#inputs?.key(keyNamed(key).code ?? '', down),
      focus: () => this.#canvas.focus(),
      setScale: next => {
        this.#scale = next
        this.#fit()
      },
      setLayout: next => {
        this.#typist.layout = next
      },
      // Who sits there by SPICE types: see the controller's mustHaveSpice.
      setViewOnly: () => undefined,
      offerClipboard: text => this.#agent.offer(text),
      close: () => this.#close(),
      still: () => ({ element: pictureOf(this.#asked.place), text: '' }),
    }
  }

  #socket(url: string): WebSocket {
    const socket = openSocket(url, () => this.#end(lost_code, ''))
    this.#sockets.push(socket)
    return socket
  }

  /** What the main connection says. */
  #hear(type: number, body: Bytes): void {
    switch (type) {
      case 103: {
        this.#session = body.u32()
        body.u32()
        const [modes, mode, has_agent, tokens] = [body.u32(), body.u32(), body.u32(), body.u32()]
        this.#mode = mode
        this.#askMode(modes)
        if (has_agent) this.#agent.connected(tokens)
        return this.#main.send(main.attach)
      }
      case 104:
        for (let left = body.u32(); left > 0; left--) this.#attach(body.u8(), body.u8())
        return undefined
      case 105: {
        const modes = body.u16()
        this.#mode = body.u16()
        return this.#askMode(modes)
      }
      case 107:
        return this.#agent.connected(10)
      case 115:
        return this.#agent.connected(body.u32())
      case 108:
        return this.#agent.disconnected()
      case 109:
        return this.#agent.hear(body.take(body.left))
      case 110:
        return this.#agent.tokensCame(body.u32())
      default:
        return undefined
    }
  }

  /** The pointer is where ours is, not moved by as much, wherever the guest has a tablet: Croft gives it one. */
  #askMode(modes: number): void {
    if (this.#mode !== client_mode && modes & client_mode) this.#main.send(main.mouse_mode, pack(u16(client_mode)))
  }

  #attach(type: number, id: number): void {
    const name = (Object.keys(channelType) as ChannelName[]).find(one => channelType[one] === type)
    if (name && name !== 'main' && id === 0) this.#open(name).catch(error => this.#fail(error))
  }

  async #open(name: Exclude<ChannelName, 'main'>): Promise<void> {
    const { url } = await this.#further()
    if (this.#over.signal.aborted) return
    const socket = this.#socket(url)
    const channel: SpiceChannel = new SpiceChannel({
      name,
      socket,
      session: this.#session,
      caps: name === 'display' ? displayCaps : [],
      onOpen: caps => {
        if (name === 'display') this.#display.begin(channel, caps)
        if (name === 'inputs') this.#inputs = new Inputs(channel)
        this.#opened()
      },
      onMessage: (type, body) => {
        if (name === 'display') this.#display.hear(type, body)
        else if (name === 'inputs') this.#inputs?.hear(type, body)
        else this.#cursor.hear(type, body)
      },
    })
    // Without one of them it is no console; the main one may say why in a moment.
    socket.addEventListener('close', ({ code, reason }) => {
      const own = code === consoleClosed.unavailable || code === consoleClosed.malformed
      if (own) this.#end(code, reason)
      else window.setTimeout(() => this.#end(consoleClosed.gone, ''), last_words_ms)
    })
  }

  #opened(is_drawn = this.#drawn): void {
    this.#drawn = is_drawn
    if (this.#begun || !this.#drawn || !this.#inputs) return
    this.#begun = true
    this.#fit()
    this.#asked.events.open()
  }

  #fail(error: unknown): void {
    this.#end(consoleClosed.gone, error instanceof Error ? error.message : String(error))
  }

  #end(code: number, reason: string): void {
    if (this.#over.signal.aborted) return
    this.#close()
    this.#asked.events.closed(code, reason)
  }

  #close(): void {
    this.#inputs?.releaseAll()
    this.#over.abort()
    clearTimeout(this.#settling)
    for (const socket of this.#sockets) socket.close()
  }

  #listen(): void {
    const { signal } = this.#over
    const canvas = this.#canvas
    const observer = new ResizeObserver(() => this.#fit())
    observer.observe(this.#asked.place)
    signal.addEventListener('abort', () => observer.disconnect())
    const keys = (is_down: boolean) => (event: KeyboardEvent) => {
      if (this.#key(event, is_down)) event.preventDefault()
    }
    canvas.addEventListener('keydown', keys(true), { signal })
    canvas.addEventListener('keyup', keys(false), { signal })
    const letGo = () => {
      this.#inputs?.releaseAll()
      this.#typist.forget()
    }
    canvas.addEventListener('blur', letGo, { signal })
    canvas.addEventListener('contextmenu', event => event.preventDefault(), { signal })
    const pointer = (event: PointerEvent) => this.#pointer(event)
    for (const name of ['pointermove', 'pointerdown', 'pointerup'] as const) {
      canvas.addEventListener(name, pointer, { signal })
    }
    canvas.addEventListener('wheel', event => this.#wheel(event), { signal, passive: false })
  }

  /** Keys of screens and input methods have no code: they come as characters. */
  #key(event: KeyboardEvent, is_down: boolean): boolean {
    if (!this.#inputs) return false
    // Windows tells of AltGr as of Ctrl and of it: the guest has one key for that.
    if (is_down && event.key === 'AltGraph' && on_windows) this.#inputs.key('ControlLeft', false)
    if (this.#typist.hear(event) || this.#inputs.key(event.code, is_down)) return true
    if (is_down && !event.repeat && Array.from(event.key).length === 1) {
      void this.#typist.type(event.key, this.#over.signal)
    }
    return false
  }

  #pointer(event: PointerEvent): void {
    const canvas = this.#canvas
    if (event.type === 'pointerdown') {
      canvas.focus()
      canvas.setPointerCapture(event.pointerId)
      if (this.#mode !== client_mode) void Promise.resolve(canvas.requestPointerLock()).catch(() => undefined)
      event.preventDefault()
    }
    if (this.#mode === client_mode) {
      const box = canvas.getBoundingClientRect()
      const place = (at: number, size: number, points: number) =>
        Math.max(0, Math.min(points - 1, Math.floor((at / Math.max(1, size)) * points)))
      const x = place(event.clientX - box.left, box.width, canvas.width)
      const y = place(event.clientY - box.top, box.height, canvas.height)
      this.#inputs?.pointer(x, y, event.buttons)
    } else this.#inputs?.motion(event.movementX, event.movementY, event.buttons)
    this.#inputs?.buttons(event.buttons)
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault()
    this.#turned += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : Math.sign(event.deltaY) * wheel_step
    for (; Math.abs(this.#turned) >= wheel_step; this.#turned -= Math.sign(this.#turned) * wheel_step) {
      this.#inputs?.wheel(this.#turned > 0)
    }
  }

  /** The canvas in its place; or the guest's screen in the place's size, as far as the guest follows. */
  #fit(): void {
    const { clientWidth, clientHeight } = this.#asked.place
    const { width, height, style } = this.#canvas
    const shrunk = this.#scale === 'native' ? 1 : Math.min(clientWidth / width, clientHeight / height)
    style.width = `${Math.floor(width * shrunk)}px`
    style.height = `${Math.floor(height * shrunk)}px`
    clearTimeout(this.#settling)
    if (this.#scale !== 'resize' || !this.#begun) return
    this.#settling = window.setTimeout(() => {
      // Video cards want a multiple of eight.
      this.#agent.resize({ width: clientWidth & ~7, height: clientHeight })
    }, resize_settles_ms)
  }
}
