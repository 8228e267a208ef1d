/** What the build makes of the contract (scripts/ui/routes-plugin.ts), and what a bundler takes beside TypeScript. */

declare module 'virtual:croft-routes' {
  /**
   * The contract without its schemas: of each route what a call needs (name, method, path, level, needs, whether it has a
   * body). Typed as the contract is, so that calls are checked; schemas are not there at run time.
   */
  export const routes: typeof import('../api/index.ts').contract
}

declare module 'virtual:croft-shapes' {
  export const shapes: Readonly<Record<string, import('./api/shapes.ts').RouteShapes>>
}

/** The words of all catalogues in one language (scripts/ui/words-plugin.ts), by the folder that a catalogue is in. */
declare module 'virtual:croft-words/en' {
  export const words: Readonly<Record<string, Readonly<Record<string, string>>>>
}

declare module 'virtual:croft-words/de' {
  export const words: Readonly<Record<string, Readonly<Record<string, string>>>>
}

declare module '*.css' {}

/** noVNC has no types of its own: what of its docs/API.md is used in console/screen.ts. */
declare module '@novnc/novnc' {
  export interface RfbOptions {
    shared?: boolean
    wsProtocols?: string[]
  }

  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: WebSocket | string, options?: RfbOptions)
    viewOnly: boolean
    scaleViewport: boolean
    resizeSession: boolean
    clipViewport: boolean
    focusOnClick: boolean
    background: string
    disconnect(): void
    focus(options?: FocusOptions): void
    sendKey(keysym: number, code: string | null, down?: boolean): void
    clipboardPasteFrom(text: string): void
  }
}
