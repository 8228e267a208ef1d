/** What consoles there are, and how one's WebSocket says why it closed. */
export const consoleKinds = ['serial', 'graphical', 'spice'] as const
export type ConsoleKind = (typeof consoleKinds)[number]

/** Those that a page shows, and that somebody can only look on at. */
export const shownKinds = ['serial', 'graphical'] as const satisfies readonly ConsoleKind[]
export type ShownKind = (typeof shownKinds)[number]

/** A link to look on is for a session with somebody, not for good. */
export const linkMinutesMax = 24 * 60

/** Links of one instance that are good at one time. */
export const linksMax = 20

/**
 * The WebSocket subprotocol of viewers who may ask whether the line lives: a text frame, whatever is in it, is answered by one. Without it
 * every frame is the guest's.
 */
export const consoleProtocol = 'croft.console'

/** Close codes of a console's WebSocket (RFC 6455, section 7.4.2: 4000-4999 are ours); the reason is a sentence. */
export const consoleClosed = {
  /** Somebody ended it, or the right to it is gone: opening it again is for the person to decide. */
  ended: 4001,
  /** What the viewer sent is not the protocol of a console. */
  malformed: 4002,
  /** The host cannot show it now. */
  unavailable: 4003,
  /** The guest or its host went: it may be elsewhere, or come back. */
  gone: 4004,
  /** The instance is on another host by now, and goes on there: open it again at once. */
  moved: 4005,
} as const

/**
 * Whether the guest takes what is typed at its serial line: it waits in its host for a guest that does not read, and what is more than the host
 * keeps is dropped. Hosts tell it in pongs that nobody asked for (RFC 6455, 5.5.3), which a controller of before takes for a sign of life;
 * controllers tell viewers who offered the subprotocol, as text.
 */
export const typedStates = ['taken', 'waiting', 'dropped'] as const
export type TypedState = (typeof typedStates)[number]
