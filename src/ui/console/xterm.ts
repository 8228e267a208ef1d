/**
 * xterm.js as this page's Content-Security-Policy lets it be: it writes its styles into <style> elements and style attributes, which
 * the policy refuses. So the document makes other elements in their place: what is written into them becomes a constructed
 * style sheet, and what is written as a style attribute goes through the DOM. (Its option documentOverride reaches only some
 * of its parts, in 6.0.) Loaded when needed.
 */
import '@xterm/xterm/css/xterm.css'
import { type ITerminalOptions, type ITheme, Terminal } from '@xterm/xterm'

/** Of the page, so that the terminal is of one piece with it; a terminal is dark in either theme, as its guests expect. */
const theme: ITheme = {
  background: '#11161b',
  foreground: '#dfe5ea',
  cursor: '#9fd8bf',
  selectionBackground: '#33566b',
}

export function makeTerminal(options: ITerminalOptions): Terminal {
  return new Terminal({
    fontFamily: "'Red Hat Mono', ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
    fontSize: 14,
    // Of the sixteen old colours some are hard to read on it.
    minimumContrastRatio: 4.5,
    theme,
    ...options,
  })
}

/** An element that is a style sheet: what is set as its text holds while it is in the page. */
class SheetElement extends HTMLElement {
  readonly #sheet = new CSSStyleSheet()

  override get textContent(): string {
    return ''
  }

  override set textContent(text: string) {
    this.#sheet.replaceSync(text)
  }

  connectedCallback(): void {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#sheet]
  }

  disconnectedCallback(): void {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter(sheet => sheet !== this.#sheet)
  }
}
customElements.define('croft-sheet', SheetElement)

const make = document.createElement.bind(document)
let opening = false

/** Spans of terminals are made by the page's document, whenever the guest writes; what others make is as before. */
document.createElement = ((name: string, options?: ElementCreationOptions) => {
  if (opening && name === 'style') return make('croft-sheet')
  const made = make(name, options)
  if (name === 'span') {
    const set = made.setAttribute.bind(made)
    made.setAttribute = (attribute, value) => {
      if (attribute === 'style') made.style.cssText = value
      else set(attribute, value)
    }
  }
  return made
}) as typeof document.createElement

/** In place of terminal.open: it makes all of its style elements then. */
export function openIn(terminal: Terminal, place: HTMLElement): void {
  opening = true
  try {
    terminal.open(place)
  } finally {
    opening = false
  }
}
