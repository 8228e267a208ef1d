/** What a page can do with an open console, whichever kind it is; screen.ts and terminal.ts make one. */
import type { TypedState } from '../../model/console.ts'
import type { LayoutId } from './layouts.ts'

export interface ConsoleSession {
  /** Types a text, at a screen as on the guest's keyboard; resolves when all of it is sent. Stops when the signal fires. */
  type(text: string, signal: AbortSignal, layout?: LayoutId): Promise<void>
  /** Presses keys together, by their names in keys.ts. */
  press(keys: readonly string[]): void
  /** Keeps a key down, by its name, or lets go of it. */
  hold?(key: string, down: boolean): void
  focus(): void
  setScale(scale: Scale): void
  /** The guest's keyboard, for what is typed by its characters; null: keys are the guest's by their places. */
  setLayout?(layout: LayoutId | null): void
  setViewOnly(view_only: boolean): void
  /** Puts what was copied into the guest's clipboard, where the guest has an agent for that. */
  offerClipboard?(text: string): void
  close(): void
  /** What is on it, to be shown on until another takes its place, and there. */
  still(): Still
}

export interface Still {
  /** A picture of it as it is. */
  element: HTMLElement
  /** What was written, for a terminal. */
  text: string
}

/** The screen to the page's size; point by point; or the guest's screen made as large as the page. */
export const scales = ['fit', 'native', 'resize'] as const
export type Scale = (typeof scales)[number]

export interface ConsoleEvents {
  open(): void
  /** Once, and nothing after it. */
  closed(code: number, reason: string): void
  /** Whether the guest reads what is typed at its serial line. */
  typed(state: TypedState): void
  /** The guest, or a selection in the terminal, gave a text. */
  clipboard(text: string): void
}

export interface ConsoleAsked {
  place: HTMLElement
  url: string
  label: string
  view_only: boolean
  scale: Scale
  layout: LayoutId | null
  /** What was written before, on another host. */
  before?: string
  events: ConsoleEvents
}
