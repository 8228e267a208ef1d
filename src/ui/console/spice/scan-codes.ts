/** Keys as browsers name them (W3C UI Events, "code") and as a PC keyboard says them (IBM PC, set 1); 0xe0.. for those that came later. */

const rows: readonly (readonly [first: number, ...codes: string[]])[] = [
  [0x01, 'Escape', ...Array.from({ length: 9 }, (_, n) => `Digit${n + 1}`), 'Digit0', 'Minus', 'Equal', 'Backspace'],
  [0x0f, 'Tab', ...Array.from('QWERTYUIOP', key => `Key${key}`), 'BracketLeft', 'BracketRight', 'Enter'],
  [0x1d, 'ControlLeft', ...Array.from('ASDFGHJKL', key => `Key${key}`), 'Semicolon', 'Quote', 'Backquote'],
  [0x2a, 'ShiftLeft', 'Backslash', ...Array.from('ZXCVBNM', key => `Key${key}`), 'Comma', 'Period', 'Slash'],
  [0x36, 'ShiftRight', 'NumpadMultiply', 'AltLeft', 'Space', 'CapsLock'],
  [0x3b, ...Array.from({ length: 10 }, (_, n) => `F${n + 1}`), 'NumLock', 'ScrollLock'],
  [0x47, 'Numpad7', 'Numpad8', 'Numpad9', 'NumpadSubtract', 'Numpad4', 'Numpad5', 'Numpad6', 'NumpadAdd'],
  [0x4f, 'Numpad1', 'Numpad2', 'Numpad3', 'Numpad0', 'NumpadDecimal'],
  [0x56, 'IntlBackslash', 'F11', 'F12'],
  [0x70, 'KanaMode'],
  [0x73, 'IntlRo'],
  [0x79, 'Convert'],
  [0x7b, 'NonConvert'],
  [0x7d, 'IntlYen'],
  [0xe01c, 'NumpadEnter', 'ControlRight'],
  [0xe035, 'NumpadDivide'],
  [0xe037, 'PrintScreen', 'AltRight'],
  [0xe046, 'Pause', 'Home', 'ArrowUp', 'PageUp'],
  [0xe04b, 'ArrowLeft'],
  [0xe04d, 'ArrowRight'],
  [0xe04f, 'End', 'ArrowDown', 'PageDown', 'Insert', 'Delete'],
  [0xe05b, 'MetaLeft', 'MetaRight', 'ContextMenu'],
]

export const scanCodes: ReadonlyMap<string, number> = new Map(
  rows.flatMap(([first, ...codes]) => codes.map((code, n): [string, number] => [code, first + n])),
)
