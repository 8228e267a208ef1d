/**
 * Keyboards by country: which character stands where on which key, as guests have them set. For typing what somebody sees on their own keyboard
 * into a guest with another one. Pure. Where Windows and Linux differ, a layout is Linux's. Not its job: pressing the keys (strokes.ts).
 */

/** The places of keys, row by row from the top left, as browsers name them (W3C UI Events). */
const places = [
  ...['Backquote', ...Array.from({ length: 9 }, (_, n) => `Digit${n + 1}`), 'Digit0', 'Minus', 'Equal'],
  ...[...Array.from('QWERTYUIOP', key => `Key${key}`), 'BracketLeft', 'BracketRight'],
  ...[...Array.from('ASDFGHJKL', key => `Key${key}`), 'Semicolon', 'Quote', 'Backslash'],
  ...['IntlBackslash', ...Array.from('ZXCVBNM', key => `Key${key}`), 'Comma', 'Period', 'Slash', 'IntlRo'],
]
/** How many keys a row has. */
const widths = [13, 12, 12, 12]

interface Layout {
  /** In its own language, as people look for it. */
  title: string
  /** Characters by level: alone, with Shift, with AltGr, with both. A line is a row of keys; a space: none, or one that is not the same everywhere. */
  levels: readonly string[]
  /** Of these characters only a key that waits for the next one. */
  dead?: string
}

const us = [
  "`1234567890-=\nqwertyuiop[]\nasdfghjkl;'\\\n zxcvbnm,./",
  '~!@#$%^&*()_+\nQWERTYUIOP{}\nASDFGHJKL:"|\n ZXCVBNM<>?',
]

const table = {
  us: { title: 'English (US)', levels: us },
  gb: {
    title: 'English (UK)',
    levels: [
      "`1234567890-=\nqwertyuiop[]\nasdfghjkl;'#\n\\zxcvbnm,./",
      '¬!"£$%^&*()_+\nQWERTYUIOP{}\nASDFGHJKL:@~\n|ZXCVBNM<>?',
      '    €',
    ],
  },
  de: {
    title: 'Deutsch',
    levels: [
      '^1234567890ß´\nqwertzuiopü+\nasdfghjklöä#\n<yxcvbnm,.-',
      '°!"§$%&/()=?`\nQWERTZUIOPÜ*\nASDFGHJKLÖÄ\'\n>YXCVBNM;:_',
      '  ²³   {[]}\\\n@ €        ~\n\n|      µ',
    ],
    dead: '^´`',
  },
  ch: {
    title: 'Deutsch (Schweiz)',
    levels: [
      "§1234567890'^\nqwertzuiopü¨\nasdfghjklöä$\n<yxcvbnm,.-",
      '°+"*ç%&/()=?`\nQWERTZUIOPè!\nASDFGHJKLéà£\n>YXCVBNM;:_',
      '  @#   |¢  ´~\n  €       []\n          {}\n\\',
    ],
    dead: '^¨`´~',
  },
  'ch-fr': {
    title: 'Français (Suisse)',
    levels: [
      "§1234567890'^\nqwertzuiopè¨\nasdfghjkléà$\n<yxcvbnm,.-",
      '°+"*ç%&/()=?`\nQWERTZUIOPü!\nASDFGHJKLöä£\n>YXCVBNM;:_',
      '  @#   |¢  ´~\n  €       []\n          {}\n\\',
    ],
    dead: '^¨`´~',
  },
  fr: {
    title: 'Français',
    levels: [
      '²&é"\'(-è_çà)=\nazertyuiop^$\nqsdfghjklmù*\n<wxcvbn,;:!',
      ' 1234567890°+\nAZERTYUIOP¨£\nQSDFGHJKLM%µ\n>WXCVBN?./§',
      '  ~#{[|`\\ @]}\n  €        ¤\n\n',
    ],
    dead: '^¨',
  },
  be: {
    title: 'Français, Nederlands (België)',
    levels: [
      '²&é"\'(§è!çà)-\nazertyuiop^$\nqsdfghjklmùµ\n<wxcvbn,;:=',
      '³1234567890°_\nAZERTYUIOP¨*\nQSDFGHJKLM%£\n>WXCVBN?./+',
      ' |@#     {}\n  €       []\n          ´`\n\\         ~',
    ],
    dead: '^¨´`~',
  },
  es: {
    title: 'Español',
    levels: [
      "º1234567890'¡\nqwertyuiop`+\nasdfghjklñ´ç\n<zxcvbnm,.-",
      'ª!"·$%&/()=?¿\nQWERTYUIOP^*\nASDFGHJKLÑ¨Ç\n>ZXCVBNM;:_',
      '\\|@#~ ¬\n  €       []\n          {}\n',
    ],
    dead: '`´^¨',
  },
  latam: {
    title: 'Español (Latinoamérica)',
    levels: [
      "|1234567890'¿\nqwertyuiop´+\nasdfghjklñ{}\n<zxcvbnm,.-",
      '°!"#$%&/()=?¡\nQWERTYUIOP¨*\nASDFGHJKLÑ[]\n>ZXCVBNM;:_',
      '¬          \\\n@          ~\n          ^`\n',
    ],
    dead: '´¨^`',
  },
  it: {
    title: 'Italiano',
    levels: [
      "\\1234567890'ì\nqwertyuiopè+\nasdfghjklòàù\n<zxcvbnm,.-",
      '|!"£$%&/()=?^\nQWERTYUIOPé*\nASDFGHJKLç°§\n>ZXCVBNM;:_',
      '           `~\n  €       []\n         @#\n',
      '\n          {}\n\n',
    ],
  },
  pt: {
    title: 'Português',
    levels: [
      "\\1234567890'«\nqwertyuiop+´\nasdfghjklçº~\n<zxcvbnm,.-",
      '|!"#$%&/()=?»\nQWERTYUIOP*`\nASDFGHJKLÇª^\n>ZXCVBNM;:_',
      '  @£§  {[]}\n  €       ¨\n\n',
    ],
    dead: '´`~^¨',
  },
  br: {
    title: 'Português (Brasil)',
    levels: [
      "'1234567890-=\nqwertyuiop´[\nasdfghjklç~]\n\\zxcvbnm,.;/",
      '"!@#$%¨&*()_+\nQWERTYUIOP`{\nASDFGHJKLÇ^}\n|ZXCVBNM<>:?',
      ' ¹²³£¢¬     §\n           ª\n           º\n',
    ],
    dead: '´`~^¨',
  },
  se: {
    title: 'Svenska, suomi',
    levels: [
      "§1234567890+´\nqwertyuiopå¨\nasdfghjklöä'\n<zxcvbnm,.-",
      '½!"#¤%&/()=?`\nQWERTYUIOPÅ^\nASDFGHJKLÖÄ*\n>ZXCVBNM;:_',
      '  @£$  {[]}\\\n  €        ~\n\n|',
    ],
    dead: '´`¨^~',
  },
  dk: {
    title: 'Dansk',
    levels: [
      "½1234567890+´\nqwertyuiopå¨\nasdfghjklæø'\n<zxcvbnm,.-",
      '§!"#¤%&/()=?`\nQWERTYUIOPÅ^\nASDFGHJKLÆØ*\n>ZXCVBNM;:_',
      '  @£$  {[]} |\n  €        ~\n\n\\      µ',
    ],
    dead: '´`¨^~',
  },
  no: {
    title: 'Norsk',
    levels: [
      "|1234567890+\\\nqwertyuiopå¨\nasdfghjkløæ'\n<zxcvbnm,.-",
      '§!"#¤%&/()=?`\nQWERTYUIOPÅ^\nASDFGHJKLØÆ*\n>ZXCVBNM;:_',
      '  @£$  {[]} ´\n  €        ~\n\n       µ',
    ],
    dead: '´`¨^~',
  },
  pl: {
    title: 'Polski',
    levels: [...us, '\n  ę     ó\nąś      ł\n żźć  ń', '\n  Ę     Ó\nĄŚ      Ł\n ŻŹĆ  Ń'],
  },
  cz: {
    title: 'Čeština',
    levels: [
      ';+ěščřžýáíé=´\nqwertzuiopú)\nasdfghjklů§¨\n\\yxcvbnm,.-',
      '°1234567890%ˇ\nQWERTZUIOP/(\nASDFGHJKL"!\'\n|YXCVBNM?:_',
      '`\n\\|€\n~  []    $\n  #&@{}^<>*',
    ],
    dead: '´¨ˇ°',
  },
} as const satisfies Record<string, Layout>

export type LayoutId = keyof typeof table
export const layoutIds = Object.keys(table) as LayoutId[]
export const layoutTitle = (id: LayoutId): string => table[id].title

/** A key, by its place, and what is held down with it. */
export interface Stroke {
  code: string
  shift: boolean
  altgr: boolean
}

/** What one character is typed by: one key, or a key that waits and another; null: this keyboard has it not. */
export function strokesOf(id: LayoutId, character: string): readonly Stroke[] | null {
  const { keys, dead } = keyboardOf(id)
  const found = keys.get(character)
  if (found) return [found]
  const alone = dead.get(character)
  if (alone) return [alone, space]
  const [base = '', mark = '', ...more] = character.normalize('NFD')
  const [letter, waiting] = [keys.get(base), dead.get(marks[mark] ?? '')]
  return letter && waiting && more.length === 0 ? [waiting, letter] : null
}

/** Characters of a text that a keyboard has not, each once, in their order. */
export function missingIn(id: LayoutId, text: string): string[] {
  return [...new Set(text.replaceAll('\r', ''))].filter(character => strokesOf(id, character) === null)
}

const plain = (code: string): Stroke => ({ code, shift: false, altgr: false })
const space = plain('Space')
const always = [
  [' ', space],
  ['\n', plain('Enter')],
  ['\t', plain('Tab')],
] as const

/** Combining characters (Unicode), and the key that waits to make them. */
const marks: Readonly<Record<string, string>> = {
  ...{ '\u0300': '`', '\u0301': '´', '\u0302': '^', '\u0303': '~', '\u0308': '¨', '\u030a': '°', '\u030c': 'ˇ' },
}

interface Keyboard {
  keys: ReadonlyMap<string, Stroke>
  dead: ReadonlyMap<string, Stroke>
}

const keyboards = new Map<LayoutId, Keyboard>()

function keyboardOf(id: LayoutId): Keyboard {
  const known = keyboards.get(id)
  if (known) return known
  const { levels, dead: waiting = '' }: Layout = table[id]
  const keys = new Map<string, Stroke>(always)
  const dead = new Map<string, Stroke>()
  for (const [level, rows] of levels.entries()) {
    let row_at = 0
    for (const [row, line] of rows.split('\n').entries()) {
      for (const [n, character] of Array.from(line).entries()) {
        const to = waiting.includes(character) ? dead : keys
        // By the fewest keys where there are several ways.
        if (character !== ' ' && !to.has(character))
          to.set(character, { code: places[row_at + n] ?? '', shift: level % 2 === 1, altgr: level >= 2 })
      }
      row_at += widths[row] ?? 0
    }
  }
  const made = { keys, dead }
  keyboards.set(id, made)
  return made
}
