/** How much of something is taken, as a bar and in numbers. */
import './host.css'

const high_percent = 90

interface Props {
  used: number
  limit: number
  /** Numbers as people read them. */
  show(value: number): string
  title?: string
  large?: boolean
}

export function Bar({ used, limit, show, title, large = false }: Props) {
  const percent = limit > 0 ? Math.round((100 * used) / limit) : 0
  return (
    <div className={large ? 'croft-bar croft-bar-large' : 'croft-bar'}>
      {title && <strong>{title}</strong>}
      <div className="croft-bar-text">
        <span>
          {show(used)} / {show(limit)}
        </span>
        <span className="croft-muted">{percent} %</span>
      </div>
      <div className="croft-bar-track" aria-hidden="true">
        <div
          className={percent >= high_percent ? 'croft-bar-fill croft-bar-high' : 'croft-bar-fill'}
          style={{ width: `${Math.min(100, percent)}%` }}
        />
      </div>
    </div>
  )
}
