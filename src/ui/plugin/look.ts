/** The UI's colours and fonts as plain values, for pages of plug-ins, which cannot see its style sheets. */

const token = (name: string) => `--pf-t--global--${name}`

const tokens: Readonly<Record<string, string>> = {
  background: token('background--color--primary--default'),
  second: token('background--color--secondary--default'),
  text: token('text--color--regular'),
  muted: token('text--color--subtle'),
  link: token('text--color--link--default'),
  accent: token('color--brand--default'),
  line: token('border--color--default'),
  good: token('color--status--success--default'),
  warn: token('color--status--warning--default'),
  danger: token('color--status--danger--default'),
  radius: token('border--radius--medium'),
  font: token('font--family--body'),
  'heading-font': token('font--family--heading'),
  mono: token('font--family--mono'),
}

export function lookNow(): { theme: 'light' | 'dark'; look: Record<string, string> } {
  const root = document.documentElement
  const styles = getComputedStyle(root)
  return {
    theme: root.classList.contains('pf-v6-theme-dark') ? 'dark' : 'light',
    look: Object.fromEntries(
      Object.entries(tokens).map(([name, property]) => [name, styles.getPropertyValue(property).trim()]),
    ),
  }
}

/** Called when the theme changes, until the returned function is. */
export function watchLook(changed: () => void): () => void {
  const observer = new MutationObserver(changed)
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['class'] })
  return () => observer.disconnect()
}
