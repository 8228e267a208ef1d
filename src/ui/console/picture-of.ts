/** A picture of what is drawn in a place of the page, to stand there while another takes its place. */

/** The screen as it is, of the size that it has in the page. */
export function pictureOf(place: HTMLElement): HTMLElement {
  const copy = place.cloneNode(true) as HTMLElement
  const canvases = place.querySelectorAll('canvas')
  for (const [n, canvas] of copy.querySelectorAll('canvas').entries()) {
    const shown = canvases[n]
    if (shown && shown.width > 0 && shown.height > 0) canvas.getContext('2d')?.drawImage(shown, 0, 0)
  }
  return copy
}
