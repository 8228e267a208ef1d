/** The page of a project: each instance with what it costs, the dearest first, and the sum. Instances are read once; events do the rest. */
import { connect } from '/plugins/api.js'
import { element, formats, linesOf, sumOf, table, textIn } from './cost.js'

const croft = await connect()
const place = document.getElementById('place')
/** By id. */
let instances = new Map()

async function read() {
  const all = await croft.all('instance.list')
  instances = new Map(all.map(one => [one.id, one]))
}

function draw(context) {
  const text = textIn(context.language)
  const { money } = formats(context)
  document.title = text('project')
  if (instances.size === 0) {
    place.replaceChildren(element('p', { class: 'muted' }, text('none')))
    return
  }
  const costs = [...instances.values()]
    .map(one => ({ one, sum: sumOf(linesOf(one, context.settings)) }))
    .sort((a, b) => b.sum - a.sum || a.one.name.localeCompare(b.one.name))
  const shown = table({
    caption: text('project'),
    head: [text('instance'), text('flavor'), text('state'), text('month')],
    rows: costs.map(({ one, sum }) => [link(one), one.flavor, text(`state.${one.state}`), money(sum)]),
    foot: [text('sum'), '', '', money(sumOf(costs))],
    numeric_from: 3,
  })
  place.replaceChildren(element('div', { class: 'card scroll' }, shown))
}

/** To the instance's own page; a frame cannot lead there by itself. */
function link(instance) {
  const button = element('button', { type: 'button', class: 'link' }, instance.name)
  button.addEventListener('click', () => croft.navigate(`/instances/${instance.id}/cost.instance`))
  return button
}

function fail(error) {
  const text = textIn(croft.context.language)
  place.replaceChildren(element('p', { class: 'problem', role: 'alert' }, text('failed') + error.message))
}

// Heard from before the first reading on, so that nothing is missed in between.
croft.follow(events => {
  if (events === null) {
    read().then(() => draw(croft.context), fail)
    return
  }
  for (const { kind, resource_id, resource } of events) {
    const ours = resource && resource.project_id === croft.context.project?.id && resource.deleted_at === null
    if (kind === 'deleted' || !ours) instances.delete(resource_id)
    else instances.set(resource_id, resource)
  }
  draw(croft.context)
})

try {
  await read()
  croft.show(draw)
} catch (error) {
  fail(error)
}
