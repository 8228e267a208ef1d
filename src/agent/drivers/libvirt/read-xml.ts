/** XML text to the elements that xml.ts writes. Bounded, without entities of its own: it also reads what another host sends. */
import { XMLParser } from 'fast-xml-parser'
import type { Attributes, Element } from './xml.ts'

const nestingMax = 32
const elementsMax = 20_000

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: true,
  processEntities: true,
  htmlEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
})

const attributesKey = ':@'
const textKey = '#text'

/** The root element. Throws when the text is not one element, well formed, without a document type. */
export function readXml(text: string): Element {
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new Error('XML with a document type is not read')
  const budget = { left: elementsMax }
  const roots = children(parser.parse(text, true), 0, budget).filter(each => typeof each !== 'string')
  const [root] = roots
  if (root === undefined || roots.length !== 1) throw new Error('the XML is not one element')
  return root
}

function children(nodes: unknown, depth: number, budget: { left: number }): (Element | string)[] {
  if (!Array.isArray(nodes) || depth > nestingMax) throw new Error('the XML nests too deep')
  return nodes.flatMap((node: unknown): (Element | string)[] => {
    if (typeof node !== 'object' || node === null || --budget.left < 0) throw new Error('the XML has too much in it')
    const record = node as Record<string, unknown>
    const name = Object.keys(record).find(key => key !== attributesKey)
    if (name === undefined) return []
    if (name === textKey) return [String(record[name])]
    const attributes = (record[attributesKey] ?? {}) as Attributes
    return [{ name, attributes, children: children(record[name], depth + 1, budget) }]
  })
}

export function childrenOf({ children: all }: Element, name?: string): Element[] {
  return all.filter(each => typeof each !== 'string').filter(each => name === undefined || each.name === name)
}

export function childOf(parent: Element | undefined, name: string): Element | undefined {
  return parent === undefined ? undefined : childrenOf(parent, name)[0]
}
