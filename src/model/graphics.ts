/** What an instance's screen is reached by, and whether its clipboard is shared: one table for API, protocol and domain XML. */

/** Of an instance: VNC is always there, for the page; spice: that as well, for a program on one's own machine. */
export const graphicsKinds = ['vnc', 'spice'] as const
export type GraphicsKind = (typeof graphicsKinds)[number]

/** Not shared unless asked for: QEMU before 10.1 cannot move a running guest, nor save its memory, while it shares one. */
export const clipboardKinds = ['none', 'shared'] as const
export type ClipboardKind = (typeof clipboardKinds)[number]

export interface Graphics {
  graphics: GraphicsKind
  clipboard: ClipboardKind
}

/** What was asked for, else what the image asks for, else the first of each. Words that are not known ask for nothing. */
export function graphicsOf(
  asked: { readonly graphics?: string | undefined; readonly clipboard?: string | undefined },
  properties: { readonly graphics?: string | undefined; readonly clipboard?: string | undefined },
): Graphics {
  return {
    graphics: known(graphicsKinds, asked.graphics ?? properties.graphics),
    clipboard: known(clipboardKinds, asked.clipboard ?? properties.clipboard),
  }
}

function known<Word extends string>(words: readonly [Word, ...Word[]], word: string | undefined): Word {
  return words.find(one => one === word) ?? words[0]
}
