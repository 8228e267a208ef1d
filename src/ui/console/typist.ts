/**
 * Types characters into a guest whose keyboard may be another one than that before the page: presses the keys that make them there. Which keys
 * those are is layouts.ts's; how they reach the guest is the caller's.
 */
import { type LayoutId, type Stroke, strokesOf } from './layouts.ts'

/** `code`: as browsers name keys (W3C UI Events); `keysym`: what X calls the character, or the key. */
export type Press = (code: string, is_down: boolean, keysym: number) => void

/** What is told of a key: of the browser's KeyboardEvent. */
export interface KeyTold {
  readonly type: string
  readonly key: string
  readonly code: string
  readonly ctrlKey: boolean
  readonly altKey: boolean
  readonly metaKey: boolean
  getModifierState(name: string): boolean
}

/** A keyboard of QEMU's takes a key every 10 ms and forgets what comes faster for long. */
const key_ms = 12

const keysyms: Readonly<Record<string, number>> = {
  ...{ ShiftLeft: 0xffe1, ShiftRight: 0xffe2, AltLeft: 0xffe9, AltRight: 0xfe03, Enter: 0xff0d, Tab: 0xff09 },
}

export class Typist {
  /** The guest's keyboard, to type by characters; null: its user's keys are the guest's, by their places. */
  layout: LayoutId | null = null
  readonly #press: Press
  readonly #system: 'windows' | 'mac' | 'other'
  /** Which the guest has down because its user holds them. */
  readonly #held = new Set<string>()

  constructor(press: Press, platform: string) {
    this.#press = press
    this.#system = platform.startsWith('Win') ? 'windows' : /^(Mac|iP)/.test(platform) ? 'mac' : 'other'
  }

  /** Whether it was typed by its character, and is nobody else’s: to be asked before the guest is told of the key. */
  hear(event: KeyTold): boolean {
    const { type, key, code } = event
    const is_down = type === 'keydown'
    if (/^(Shift|Alt)(Left|Right)$/.test(code)) {
      // It only chooses characters. Windows tells of it as of two keys, which who hears of them otherwise puts together.
      if (this.layout !== null && key === 'AltGraph' && this.#system !== 'windows') return true
      if (is_down) this.#held.add(code)
      else this.#held.delete(code)
      return false
    }
    // What stands on the pad of digits is there on every keyboard.
    if (this.layout === null || Array.from(key).length !== 1 || code.startsWith('Numpad')) return false
    const is_shortcut = this.#isShortcut(event)
    const strokes = strokesOf(this.layout, is_shortcut ? key.toLowerCase() : key)
    if (is_shortcut && strokes === null) return false
    if (is_down && is_shortcut) this.#tap(strokes?.[0]?.code ?? code, key)
    else if (is_down) for (const stroke of strokes ?? []) this.#stroke(stroke, key)
    return true
  }

  /** Nobody holds a key any more. */
  forget(): void {
    this.#held.clear()
  }

  /** Resolves when all of it is pressed; what the keyboard has not is left out. Stops when the signal fires. */
  async type(text: string, signal: AbortSignal, layout: LayoutId = this.layout ?? 'us'): Promise<void> {
    for (const character of text.replaceAll('\r\n', '\n').normalize('NFC')) {
      if (signal.aborted) return
      const strokes = strokesOf(layout, character) ?? []
      for (const stroke of strokes) this.#stroke(stroke, character)
      const events = strokes.reduce((sum, { shift, altgr }) => sum + 2 + (shift ? 2 : 0) + (altgr ? 2 : 0), 0)
      await new Promise(resolve => setTimeout(resolve, events * key_ms))
    }
  }

  /** Held with Ctrl, Alt or Meta it is a command. AltGr is told as Ctrl and Alt by Windows; on a Mac, Alt chooses characters. */
  #isShortcut(event: KeyTold): boolean {
    if (event.metaKey) return true
    if (event.getModifierState('AltGraph')) return false
    return event.ctrlKey || (event.altKey && this.#system !== 'mac')
  }

  #stroke({ code, shift, altgr }: Stroke, character: string): void {
    const held = [...this.#held]
    const shifts = held.filter(one => one.startsWith('Shift'))
    const alts = held.filter(one => one.startsWith('Alt'))
    const freed = [...(shift ? [] : shifts), ...alts.filter(one => !altgr || one !== 'AltRight')]
    const added = [
      ...(shift && shifts.length === 0 ? ['ShiftLeft'] : []),
      ...(altgr && !alts.includes('AltRight') ? ['AltRight'] : []),
    ]
    for (const one of freed) this.#modify(one, false)
    for (const one of added) this.#modify(one, true)
    this.#tap(code, character)
    for (const one of added.toReversed()) this.#modify(one, false)
    for (const one of freed) this.#modify(one, true)
  }

  #tap(code: string, character: string): void {
    const keysym = keysyms[code] ?? keysymOf(character)
    this.#press(code, true, keysym)
    this.#press(code, false, keysym)
  }

  #modify(code: string, is_down: boolean): void {
    this.#press(code, is_down, keysyms[code] ?? 0)
  }
}

/** X11 keysymdef.h: Latin-1 as it is, the rest by its number in Unicode. */
function keysymOf(character: string): number {
  const point = character.codePointAt(0) ?? 0
  return point <= 0xff ? point : 0x1000000 | point
}
