/**
 * The times by which a host's silence is noticed and its highly available guests may run elsewhere: every constant in one
 * place, and the arithmetic that controllers and agents share. Pure; who sends, writes and kills is elsewhere.
 *
 * A host runs such guests only under a lease. Each of its pings carries the time of the host's own clock; the controller's
 * pong answers with `lease_ms`, counted from that very time: how long the pong took does not lengthen it. Past its deadline the
 * guests are killed by a process that does nothing else. The controller never needs to hear of that: it knows when at the
 * latest it has come to pass.
 *
 * Why two hosts never run the same guest. Let true time be t, and every clock run between (1 - d) and (1 + d) times as fast;
 * only lengths of time are used, of clocks that never step, so that what a wall clock says is nowhere needed.
 *   1. The host counts lease × (1 - d) on its clock from sending the ping, at true time s: its guests are dead by
 *      s + lease + kill.
 *   2. A controller answers a ping with a lease only while it saw, in a look at the database that began no more than `grant`
 *      ago, that the host's link is its own. So if another ends the link in the database at T, every ping that is answered was
 *      sent before T + grant: all is dead by T + grant + lease + kill. (Even a pong that lay about for an hour is for that ping.)
 *   3. The controller that holds the link and ends it itself answers nothing any more. It knows when it last did, and the ping was
 *      sent before: all is dead by then + lease + kill. The link that was before may have been another controller's: (2), with the
 *      begin of the own link for T.
 *   4. Whoever wants to start a guest elsewhere waits what 2 or 3 left, × (1 + d) on its clock, from when it saw the link ended.
 *      The waiting starts anew with a controller that starts anew: it costs time, never safety. In the transaction that gives the
 *      guest away, the host's row is locked and has no link; a host that comes back later is told to leave it alone, before
 *      it is given any lease.
 *   5. A host starts such guests only under a lease, and after it was told all that is wanted by the link that gave it.
 * What it rests on: clocks' rates (d is a hundred times what a good clock is off by), `kill` (two processes watch the deadline, and one of them
 * must get a processor within it), and that a commit which was answered is not lost by the database's fail-over. Below it all, disks are
 * locked by virtlockd. test/unit/model/lease.test.ts plays it with everything that fails, and shows that no part can be left out.
 */

export interface LeaseTimes {
  /** Hosts with guests that need a lease send a ping this often; others are heard of half as often (agent/link.ts, controller/agents/hearing.ts). */
  readonly heartbeat_ms: number
  /** A link of a host with such guests is given up when nothing was heard for so long: three pings missed. */
  readonly silence_ms_max: number
  /** What a pong grants, from the time at which its ping was sent. Long enough to lose a controller and find another. */
  readonly lease_ms: number
  /** From a host's deadline until its guests are dead: a late timer, a scan of processes, the kernel's work. */
  readonly kill_ms: number
  /** How often a controller looks whether its links are its own. */
  readonly controller_pass_ms: number
  /** For how long from its beginning such a look allows to grant leases. One may fail; not two. */
  readonly grant_ms: number
  /** After it, others take a controller for gone that said nothing in the database. */
  readonly controller_lease_ms: number
  /** By how much of itself a clock may be wrong about a length of time. */
  readonly drift: number
}

export const leaseTimes: LeaseTimes = {
  heartbeat_ms: 5000,
  silence_ms_max: 16_000,
  lease_ms: 30_000,
  kill_ms: 5000,
  controller_pass_ms: 5000,
  grant_ms: 10_000,
  controller_lease_ms: 20_000,
  drift: 0.05,
}

/** When the host's guests must be killed, on the clock that `sent_ms` is from. */
export function hostDeadline_ms(sent_ms: number, lease_ms: number, times = leaseTimes): number {
  return sent_ms + Math.floor(lease_ms * (1 - times.drift))
}

/** Whether a controller may grant, its last look at its links having begun so long ago by its own steady clock. */
export function mayGrant(confirmed_ago_ms: number, times = leaseTimes): boolean {
  return confirmed_ago_ms >= 0 && confirmed_ago_ms < times.grant_ms * (1 - times.drift)
}

/** A link as the controller that holds it knows it; all by its own steady clock. */
export interface GrantedLink {
  readonly lease_ms: number
  /** Since the database answered that the link is this controller's. */
  readonly begun_ago_ms: number
  /** Since it was last decided to answer a ping with a lease; null: never. */
  readonly granted_ago_ms: number | null
}

/** True time until the host's guests are surely dead, when the controller that holds the link ends it, and has stopped granting. */
export function leftByHolder_ms(link: GrantedLink, times = leaseTimes): number {
  const past = (ago_ms: number) => Math.max(0, ago_ms) / (1 + times.drift)
  const before = times.grant_ms - past(link.begun_ago_ms)
  const own = link.granted_ago_ms === null ? Number.NEGATIVE_INFINITY : -past(link.granted_ago_ms)
  return Math.max(0, Math.ceil(Math.max(before, own) + link.lease_ms + times.kill_ms))
}

/** The same, when anyone else ends it: its holder may not know yet, and grant for a while. */
export function leftByOther_ms(lease_ms: number, times = leaseTimes): number {
  return times.grant_ms + lease_ms + times.kill_ms
}

/** How long to wait on any clock that does not step, so that at least `left_ms` have truly passed. */
export function wait_ms(left_ms: number, times = leaseTimes): number {
  return Math.ceil(left_ms * (1 + times.drift))
}

/**
 * Whether the guests of a host without a link may run elsewhere. `watched_ms`: for how long the asking controller has seen
 * this very end of the link (same epoch, same `left_ms`), by its own steady clock. What the database's clock says of
 * `lease_over_at` is for people: it may step.
 */
export function isOver(left_ms: number, watched_ms: number, times = leaseTimes): boolean {
  return watched_ms >= wait_ms(left_ms, times)
}

/**
 * The longest from a host's power cut until its guests may start elsewhere, by lease alone. Silence, which is noticed within
 * `silence_ms_max` and a heartbeat, runs within it: with the defaults 1.05 × (30 + 5) = 36.75 s after the last pong, and so 23 s
 * are left of a minute for placing, starting and booting. Had the controller that held the link lost power as well:
 * 20 s + 5 s until others see it, then 1.05 × (10 + 30 + 5) s, together 72.25 s.
 */
export function longest_ms(times = leaseTimes): { host: number; host_and_controller: number } {
  const noticed = times.silence_ms_max + times.heartbeat_ms
  return {
    host: Math.max(noticed, wait_ms(times.lease_ms + times.kill_ms, times)),
    host_and_controller:
      times.controller_lease_ms + times.controller_pass_ms + wait_ms(leftByOther_ms(times.lease_ms, times), times),
  }
}

/**
 * For how long guests go on while no controller reaches the database or no host a controller: what a host has left of its
 * lease at the worst moment. A fail-over of the database, and a controller that starts again, must be faster than this.
 */
export function bridged_ms(times = leaseTimes): number {
  return Math.floor(times.lease_ms * (1 - times.drift) - times.heartbeat_ms * (1 + times.drift))
}
