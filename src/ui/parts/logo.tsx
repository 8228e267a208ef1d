/** The mark and the name. */
export function Logo() {
  return (
    <span className="croft-logo">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" className="croft-logo-ground" />
        <path d="M6 20.5 16 8l10 12.5" className="croft-logo-roof" />
        <path d="M10.5 19v5.5h11V19" className="croft-logo-walls" />
      </svg>
      <span className="croft-logo-name">Croft</span>
    </span>
  )
}
