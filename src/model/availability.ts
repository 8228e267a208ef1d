/** What becomes of an instance when its host is lost, or when its guest crashes. Words only; doing so is the hosts' and the controllers'. */
export const availabilities = ['restart', 'high'] as const
/** 'restart': its host brings it back. 'high': it is started on another host when its own is lost. */
export type Availability = (typeof availabilities)[number]

export const crashActions = ['restart', 'stop'] as const
export type CrashAction = (typeof crashActions)[number]

export const watchdogActions = ['none', 'reset', 'poweroff', 'pause', 'dump'] as const
export type WatchdogAction = (typeof watchdogActions)[number]

/** What a request may say of it, and a row has. */
export interface Recovery {
  availability: Availability
  ha_priority: number
  on_crash: CrashAction
  watchdog_action: WatchdogAction
}

/** Of a new instance. `guard_from`: the version of its details from which its host must guard it. */
export function recoveryOf(
  asked: {
    [Key in keyof Recovery]?: Recovery[Key] | undefined
  },
): Recovery & { guard_from: number | null } {
  const { availability = 'restart', ha_priority = 50, on_crash = 'restart', watchdog_action = 'none' } = asked
  return { availability, ha_priority, on_crash, watchdog_action, guard_from: availability === 'high' ? 0 : null }
}
