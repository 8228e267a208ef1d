/** Typing by characters into guests with another keyboard: which keys, with what held, and what stays the guest's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layoutIds, layoutTitle, missingIn, strokesOf } from '../../../src/ui/console/layouts.ts'
import { type KeyTold, Typist } from '../../../src/ui/console/typist.ts'
import { scanCodes } from '../../../src/ui/console/spice/scan-codes.ts'

/** As people read it: `Shift+Digit2`. */
const read = (id: (typeof layoutIds)[number], character: string) =>
  strokesOf(id, character)
    ?.map(({ code, shift, altgr }) => [...(altgr ? ['AltGr'] : []), ...(shift ? ['Shift'] : []), code].join('+'))
    .join(' ') ?? null

void test('each character by the keys that it has on that keyboard', () => {
  const known = [
    ['us', 'z KeyZ', '@ Shift+Digit2', '\n Enter', '- Minus', '~ Shift+Backquote', 'ü null'],
    ['gb', '@ Shift+Quote', '" Shift+Digit2', '# Backslash', '\\ IntlBackslash', '€ AltGr+Digit4'],
    ['de', 'z KeyY', 'Y Shift+KeyZ', '@ AltGr+KeyQ', '- Slash', '/ Shift+Digit7', '| AltGr+IntlBackslash', 'ß Minus'],
    [
      'de',
      '\\ AltGr+Minus',
      '~ AltGr+BracketRight',
      '^ Backquote Space',
      'é Equal KeyE',
      'Ä Shift+Quote',
      'µ AltGr+KeyM',
    ],
    [
      'fr',
      'a KeyQ',
      '1 Shift+Digit1',
      'm Semicolon',
      '@ AltGr+Digit0',
      'ê BracketLeft KeyE',
      'ï Shift+BracketLeft KeyI',
    ],
    ['ch', '[ AltGr+BracketLeft', '{ AltGr+Quote', 'è Shift+BracketLeft', 'é Shift+Semicolon'],
    ['it', '{ AltGr+Shift+BracketLeft', '@ AltGr+Semicolon', 'é Shift+BracketLeft'],
    ['br', '/ IntlRo', '? Shift+IntlRo', 'ã Quote KeyA'],
    ['pl', 'ł AltGr+KeyL', 'Ł AltGr+Shift+KeyL', '[ BracketLeft'],
    ['cz', '2 Shift+Digit2', 'ě Digit2', 'Š Shift+Equal Shift+KeyS', '@ AltGr+KeyV', 'ů Semicolon'],
    ['se', '~ AltGr+BracketRight Space', 'å BracketLeft', '\\ AltGr+Minus'],
  ] as const
  for (const [id, ...lines] of known)
    for (const line of lines) {
      const character = Array.from(line)[0] ?? ''
      assert.equal(String(read(id, character)), line.slice(character.length + 1), `${id} ${character}`)
    }
})

void test('every keyboard has what a shell needs, on keys that there are', () => {
  const needed = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).join('')
  for (const id of layoutIds) {
    // Italian has these two nowhere on Windows, and Portuguese keyboards a grave accent for the one.
    assert.deepEqual(missingIn(id, `${needed}\n\t`), [], layoutTitle(id))
    for (const character of needed)
      for (const { code } of strokesOf(id, character) ?? [])
        assert.ok(scanCodes.has(code), `${id} ${character} ${code}`)
  }
  assert.deepEqual(missingIn('us', 'Grüße,\r\nGrüße €'), ['ü', 'ß', '€'])
})

/** What the guest's keyboard was told: +code pressed, -code let go of. */
function typist(platform = 'Linux x86_64') {
  const told: string[] = []
  const one = new Typist((code, is_down) => void told.push(`${is_down ? '+' : '-'}${code}`), platform)
  const hear = (type: 'keydown' | 'keyup', key: string, code: string, held: string[] = []) => {
    const event: KeyTold = {
      ...{ type, key, code, ctrlKey: held.includes('Ctrl'), altKey: held.includes('Alt'), metaKey: false },
      getModifierState: name => held.includes(name),
    }
    return one.hear(event)
  }
  return { one, hear, said: () => told.splice(0).join(' ') }
}

void test('keys are the guest’s by their places until its keyboard is named', () => {
  const { one, hear, said } = typist()
  assert.equal(hear('keydown', 'z', 'KeyY'), false)
  assert.equal(hear('keyup', 'z', 'KeyY'), false)
  one.layout = 'us'
  assert.equal(hear('keydown', 'z', 'KeyY'), true)
  assert.equal(said(), '+KeyZ -KeyZ')
  assert.equal(hear('keyup', 'z', 'KeyY'), true)
  for (const [key, code] of [
    ['Enter', 'Enter'],
    ['F2', 'F2'],
    ['1', 'Numpad1'],
    ['Control', 'ControlLeft'],
    ['Dead', 'Equal'],
  ] as const)
    assert.equal(hear('keydown', key, code), false, key)
  assert.equal(hear('keydown', 'ü', 'BracketLeft'), true, 'not on it, and not another character instead')
  assert.equal(said(), '')
})

void test('what is held to choose a character here is not held there, unless it is needed', () => {
  const { one, hear, said } = typist()
  one.layout = 'us'
  assert.equal(hear('keydown', 'Shift', 'ShiftRight'), false, 'the guest hears of it')
  hear('keydown', '/', 'Digit7', ['Shift'])
  assert.equal(said(), '-ShiftRight +Slash -Slash +ShiftRight')
  hear('keydown', '"', 'Digit2', ['Shift'])
  assert.equal(said(), '+Quote -Quote')
  hear('keyup', 'Shift', 'ShiftRight')
  assert.equal(hear('keydown', 'AltGraph', 'AltRight'), true)
  hear('keydown', '@', 'KeyQ', ['AltGraph'])
  assert.equal(said(), '+ShiftLeft +Digit2 -Digit2 -ShiftLeft')
  assert.equal(hear('keyup', 'AltGraph', 'AltRight'), true)
  one.layout = 'de'
  hear('keydown', '@', 'Digit2', ['Shift'])
  assert.equal(said(), '+AltRight +KeyQ -KeyQ -AltRight')
})

void test('commands are those of the letter, wherever it is; on Windows AltGr is told as two, on a Mac it is Alt', () => {
  const { one, hear, said } = typist()
  one.layout = 'us'
  assert.equal(hear('keydown', 'z', 'KeyY', ['Ctrl']), true)
  assert.equal(said(), '+KeyZ -KeyZ')
  assert.equal(hear('keydown', 'ü', 'BracketLeft', ['Ctrl']), false)

  const windows = typist('Win32')
  windows.one.layout = 'us'
  assert.equal(windows.hear('keydown', 'AltGraph', 'AltRight', ['Ctrl', 'Alt', 'AltGraph']), false)
  windows.hear('keydown', '@', 'KeyQ', ['Ctrl', 'Alt', 'AltGraph'])
  assert.equal(windows.said(), '-AltRight +ShiftLeft +Digit2 -Digit2 -ShiftLeft +AltRight')

  const mac = typist('MacIntel')
  mac.one.layout = 'us'
  mac.hear('keydown', 'Alt', 'AltLeft', ['Alt'])
  mac.hear('keydown', '@', 'KeyL', ['Alt'])
  assert.equal(mac.said(), '-AltLeft +ShiftLeft +Digit2 -Digit2 -ShiftLeft +AltLeft')
})

void test('a text is typed in order, and stops when it is told to', async () => {
  const { one, said } = typist()
  await one.type('Öl\r\n', new AbortController().signal, 'de')
  assert.equal(said(), '+ShiftLeft +Semicolon -Semicolon -ShiftLeft +KeyL -KeyL +Enter -Enter')
  const stop = new AbortController()
  const typing = one.type('ab', stop.signal)
  stop.abort()
  await typing
  assert.equal(said(), '+KeyA -KeyA')
})
