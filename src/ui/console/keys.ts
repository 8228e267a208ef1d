/** Keys by name, for combinations: X keysyms (X11 keysymdef.h) and codes (W3C UI Events). */

export interface Key {
  keysym: number
  code: string | null
}

const named: Readonly<Record<string, Key>> = {
  Ctrl: { keysym: 0xffe3, code: 'ControlLeft' },
  Alt: { keysym: 0xffe9, code: 'AltLeft' },
  Shift: { keysym: 0xffe1, code: 'ShiftLeft' },
  Super: { keysym: 0xffeb, code: 'MetaLeft' },
  Delete: { keysym: 0xffff, code: 'Delete' },
  Backspace: { keysym: 0xff08, code: 'Backspace' },
  Tab: { keysym: 0xff09, code: 'Tab' },
  Esc: { keysym: 0xff1b, code: 'Escape' },
  SysRq: { keysym: 0xff61, code: 'PrintScreen' },
  Enter: { keysym: 0xff0d, code: 'Enter' },
  Home: { keysym: 0xff50, code: 'Home' },
  Left: { keysym: 0xff51, code: 'ArrowLeft' },
  Up: { keysym: 0xff52, code: 'ArrowUp' },
  Right: { keysym: 0xff53, code: 'ArrowRight' },
  Down: { keysym: 0xff54, code: 'ArrowDown' },
  PageUp: { keysym: 0xff55, code: 'PageUp' },
  PageDown: { keysym: 0xff56, code: 'PageDown' },
  End: { keysym: 0xff57, code: 'End' },
  B: { keysym: 0x62, code: 'KeyB' },
}

export function keyNamed(name: string): Key {
  const number = /^F(\d{1,2})$/.exec(name)?.[1]
  if (number !== undefined) return { keysym: 0xffbd + Number(number), code: name }
  const key = named[name]
  if (!key) throw new Error(`No key is called ${name}.`)
  return key
}

/** Offered in the menu; F1 to F12 switch between a Linux guest's terminals. */
export const combinations: readonly (readonly string[])[] = [
  ['Ctrl', 'Alt', 'Delete'],
  ['Ctrl', 'Alt', 'Backspace'],
  ...Array.from({ length: 12 }, (_, n) => ['Ctrl', 'Alt', `F${n + 1}`]),
  ['Alt', 'Tab'],
  ['Alt', 'F4'],
  ['Super'],
  ['Esc'],
  ['Tab'],
  ['Alt', 'SysRq', 'B'],
]

/** Kept down until they are let go of, for those who have one finger, or a keyboard without them. */
export const modifiers = ['Ctrl', 'Alt', 'Shift', 'Super'] as const

/** What keyboards on the screens of phones and tablets do not have. */
export const touchKeys = [
  ...['Esc', 'Tab', 'Left', 'Up', 'Down', 'Right', 'Home', 'End', 'PageUp', 'PageDown', 'Delete', 'Backspace', 'Enter'],
  ...Array.from({ length: 12 }, (_, n) => `F${n + 1}`),
]

/** What these keys are on a serial line, as a VT100 has them (ECMA-48); null where it has none. */
export function serialBytes(keys: readonly string[]): string | null {
  const [last = ''] = keys.toReversed()
  if (keys[0] === 'Ctrl' && /^[A-Z]$/.test(last)) return String.fromCharCode(last.charCodeAt(0) - 64)
  return keys.length === 1 ? (serial[last] ?? null) : null
}
const serial: Readonly<Record<string, string>> = {
  ...{ Esc: '\x1b', Tab: '\t', Enter: '\r', Backspace: '\x7f' },
  ...{ Up: '\x1b[A', Down: '\x1b[B', Right: '\x1b[C', Left: '\x1b[D', Home: '\x1b[H', End: '\x1b[F' },
  ...{ Delete: '\x1b[3~', PageUp: '\x1b[5~', PageDown: '\x1b[6~' },
}

/** For a serial line. */
export const serialCombinations: readonly (readonly string[])[] = [
  ...['C', 'D', 'Z', 'L'].map(letter => ['Ctrl', letter]),
  ...['Esc', 'Tab', 'Up', 'Down', 'Left', 'Right'].map(key => [key]),
]
