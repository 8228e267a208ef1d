/** How narrow a grid of columns may become: then it scrolls, and none lies under the one that stays in view. Pure. */

/** Left and right of a row (styles.css, croft-row). */
const padding_rem = 1

/** Of columns as CSS grid has them, in rem: '3rem', 'minmax(6rem, 1fr)'. Those of other units count as nothing. */
export function leastWidth_rem(widths: readonly string[]): number {
  return widths.reduce((sum, width) => sum + Number(/^(?:minmax\()?([\d.]+)rem/.exec(width)?.[1] ?? 0), padding_rem)
}
