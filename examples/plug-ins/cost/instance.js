/** The tab of an instance: what it costs, line by line. No call is needed: the UI hands the instance over, and again when it changes. */
import { connect } from '/plugins/api.js'
import { element, formats, linesOf, sumOf, table, textIn } from './cost.js'

const croft = await connect()

croft.show(context => {
  const { item, settings, language } = context
  const text = textIn(language)
  const { money, count } = formats(context)
  const lines = linesOf(item, settings)
  const shown = table({
    caption: `${text('of')}: ${item.name}`,
    head: [text('what'), text('count'), text('price'), text('month')],
    rows: lines.map(line => [
      line.what === 'flavor' ? `${text('flavor')} ${item.flavor}` : text(line.what),
      count(line.count),
      money(line.price),
      money(line.sum),
    ]),
    foot: [text('sum'), '', '', money(sumOf(lines))],
    numeric_from: 1,
  })
  const off = item.state === 'stopped'
  document.title = text('of')
  const note = off ? [element('p', { class: 'muted' }, text('stopped'))] : []
  document.getElementById('place').replaceChildren(element('div', { class: 'card scroll' }, shown, ...note))
})
