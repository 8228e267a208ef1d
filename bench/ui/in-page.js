/** Runs in each page before its own scripts, as a browser's code and not Node's: what a page is measured by. */
;(() => {
  const row_px = 40

  /** The time after the frame that shows what is there now: a task queued while a frame is made runs when that is done. */
  const painted = () =>
    new Promise(resolve => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => resolve(performance.now())
        port2.postMessage(null)
      })
    })

  const when = holds =>
    new Promise(resolve => {
      if (holds()) return resolve()
      const observer = new MutationObserver(() => {
        if (!holds()) return
        observer.disconnect()
        resolve()
      })
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true })
    })

  const list = () => document.querySelector('.croft-rows')

  async function scrollSteadily({ time_ms, speed_px_per_s }) {
    const rows = list()
    const long = []
    const observer = new PerformanceObserver(entries => long.push(...entries.getEntries()))
    observer.observe({ type: 'long-animation-frame' })
    const from_ms = performance.now()
    const from_px = rows.scrollTop
    let frames = 0
    for (let now_ms = from_ms; now_ms < from_ms + time_ms; frames++) {
      now_ms = await new Promise(resolve => requestAnimationFrame(resolve))
      rows.scrollTop = from_px + ((now_ms - from_ms) / 1000) * speed_px_per_s
    }
    // The observer hears of the last ones in a task after them.
    await new Promise(resolve => setTimeout(resolve, 100))
    observer.disconnect()
    return {
      frames,
      long_ms: long.map(one => one.duration),
      row: Math.round(rows.scrollTop / row_px),
      causes: long.map(one => one.scripts.map(({ invoker, duration }) => `${invoker} ${Math.round(duration)}`).join(' + ')),
    }
  }

  /** To the end of what was read, again and again, until so many rows are there. */
  async function readOn(count) {
    const rows = list()
    const inside = rows.querySelector('.croft-rows-body')
    while (rows.scrollHeight < count * row_px) {
      const before = rows.scrollHeight
      rows.scrollTop = before
      await new Promise(resolve => {
        const observer = new ResizeObserver(() => {
          if (rows.scrollHeight <= before) return
          observer.disconnect()
          resolve()
        })
        observer.observe(inside)
      })
    }
  }

  window.bench = {
    drawn: selectors => when(() => selectors.every(one => document.querySelector(one))).then(painted),
    saying: text => when(() => list()?.textContent.includes(text)).then(painted),
    scrollSteadily,
    readOn,
  }
})()
