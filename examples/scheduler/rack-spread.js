// A module of the scheduler: keeps production off hosts that are to be replaced, and likes racks that are not full of one project.
//
//   mkdir -p /var/lib/croft/controller/scheduler && cp rack-spread.js /var/lib/croft/controller/scheduler/
//   croft setting set scheduler.modules '["rack-spread.js"]'
//
// It is given values and gives values: docs/placement.md, "Your own filters and weights".

/** Null: the host can take it. Otherwise why not, as words that follow the host's name. */
export function filter(host, asked) {
  if (host.labels.replace === 'soon' && asked.labels.tier === 'production') return 'is to be replaced soon'
  return null
}

/** Between 0 and 1; more is better. Hosts with few vCPUs promised, in their share of the rack's first ten units. */
export function weigh(host) {
  const unit = Number(host.labels.unit ?? 40)
  return unit <= 10 ? 1 : 0.5
}

/** How much that counts beside Croft's own weights. */
export const factor = 0.5
