/** The place that readers begin at: what is the page's own, below its head and beside its menu. */

export const main_id = 'main'

export function focusMain(): void {
  document.getElementById(main_id)?.focus({ preventScroll: true })
}
