/** Builds XML text with everything escaped. Knows nothing of libvirt. */
export type Attributes = Readonly<Record<string, string | number | undefined>>
export interface Element {
  readonly name: string
  readonly attributes: Attributes
  readonly children: readonly (Element | string)[]
}
export type Child = Element | string | null

/** An attribute that is undefined and a child that is null are left out. */
export function element(name: string, attributes: Attributes = {}, ...children: readonly Child[]): Element {
  return { name, attributes, children: children.filter(child => child !== null) }
}

export function renderXml(root: Element, indent = ''): string {
  const attributes = Object.entries(root.attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}='${escapeXml(String(value))}'`)
    .join('')
  const open = `${indent}<${root.name}${attributes}`
  if (root.children.length === 0) return `${open}/>\n`
  if (root.children.every(child => typeof child === 'string')) {
    return `${open}>${root.children.map(escapeXml).join('')}</${root.name}>\n`
  }
  const inner = root.children.map(child =>
    typeof child === 'string' ? `${indent}  ${escapeXml(child)}\n` : renderXml(child, `${indent}  `),
  )
  return `${open}>\n${inner.join('')}${indent}</${root.name}>\n`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** XML 1.0 has no way at all to write most control characters and lone surrogates: they become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replace(/[&<>'"\n\r\t]/g, found => entities[found] ?? found)
}
