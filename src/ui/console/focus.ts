/** Whom a console may take the focus from. */

/** Nobody's, or the console's own: that of what has just gone from there. */
export function isFocusFree(frame: Element | null): boolean {
  const at = document.activeElement
  return at === null || at === document.body || frame?.contains(at) === true
}

/** Somebody types, or answers a dialog, beside the console. */
export function isBusyBeside(frame: Element | null): boolean {
  const at = document.activeElement
  return !isFocusFree(frame) && at?.closest('input, textarea, select, [role="dialog"]') != null
}
