/** One thing, a line a field; what has parts is taken apart below its name. Not its job: what a value looks like in one line (format.ts). */
import { cell, isShort, paintState } from './format.ts'
import { isScalar, pairs } from './pairs.ts'
import { type Look, renderTable, type Row } from './table.ts'

const indent = '  '
/** Tags and the like: more than this in one line is not read any more. */
const line_max = 80
/** Narrower than this, text is not wrapped, but left to the terminal. */
const narrow = 20

export function renderFields(thing: Row, look: Look): string {
  const lines = linesOf(thing, look)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function linesOf(thing: Row, look: Look): string[] {
  const names = Object.keys(thing)
  const width = Math.max(0, ...names.map(name => name.length))
  return names.flatMap(name => {
    const value = thing[name]
    const parts = partsOf(value, look)
    if (parts) return [bold(name, look), ...parts.map(line => `${indent}${line}`)]
    const texts = textsOf(name, value, { ...look, width: look.width && look.width - width - indent.length })
    return texts.map((text, at) => `${at === 0 ? bold(name.padEnd(width), look) : ' '.repeat(width)}${indent}${text}`)
  })
}

/** Lines to stand below a name; null for what is said beside it. */
function partsOf(value: unknown, look: Look): string[] | null {
  const inner = { ...look, width: look.width && look.width - indent.length }
  if (isObject(value)) {
    if (Object.values(value).every(isScalar) && pairs(value).length <= line_max) return null
    return linesOf(value, inner)
  }
  if (!Array.isArray(value) || value.length === 0 || !value.every(isObject) || value.every(isShort)) return null
  const columns = [...new Set(value.flatMap(each => Object.keys(each)))]
  return renderTable(columns, value, inner).trimEnd().split('\n')
}

function textsOf(name: string, value: unknown, look: Look): string[] {
  if (Array.isArray(value) && value.length > 1 && isObject(value[0]))
    return value.map(each => cell(name, [each], look.now_ms))
  if (typeof value === 'string' && value.includes('\n')) return [`\n${value}`]
  if (isObject(value)) return [Object.keys(value).length === 0 ? '-' : pairs(value)]
  const text = cell(name, value, look.now_ms)
  // In full here: there is room, and "3 h" is no help in a report.
  if (typeof value === 'string' && name.endsWith('_at')) return [`${value}  (${text})`]
  if (Array.isArray(value)) return wrapped(text, look.width)
  return [look.color && name === 'state' ? paintState(text) : text]
}

/** Between words, where there is a terminal to fit. */
function wrapped(text: string, width: number | undefined): string[] {
  if (width === undefined || width < narrow) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

const bold = (text: string, look: Look) => (look.color ? `\x1b[1m${text}\x1b[0m` : text)

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
