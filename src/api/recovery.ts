/** What becomes of an instance when its host is lost or its guest fails, as instances show it and take it. */
import Type from 'typebox'
import { availabilities, crashActions, watchdogActions } from '../model/availability.ts'
import { closed, nullable, oneOf, Time } from './common.ts'

export const Availability = oneOf(availabilities, {
  description:
    "'restart': its host brings it back; 'high': it is started on another host when its own is lost, which needs a shared pool",
})
export const HaPriority = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'Of highly available instances, those with more come first when hosts are lost; 50 unless said otherwise',
})
export const OnCrash = oneOf(crashActions, {
  description: "When its guest crashes: 'restart' it, ever later the more often it did, or leave it stopped ('stop')",
})
export const WatchdogActionOf = oneOf(watchdogActions, {
  description: 'When the guest no longer feeds its watchdog; none: it has no watchdog. From its next start on',
})

export const Crashes = closed({
  count: Type.Integer({ description: 'In a row; forgotten when it has run ten minutes without one' }),
  last_at: Time,
  next_try_at: nullable(Time),
  given_up: Type.Boolean({ description: 'It is left off: it crashed too often, or is not to be restarted' }),
})

export const WatchdogFired = closed({
  fired_at: Time,
  action: WatchdogActionOf,
  count: Type.Integer(),
  dump_file: nullable(Type.String({ description: 'On its host: what was in memory, for who looks into it' })),
  dump_failure: nullable(Type.String()),
})
