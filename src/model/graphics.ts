/** What an instance's screen is reached by, and whether its clipboard is shared: one table for API, protocol and domain XML. */

/** Of an instance: VNC is always there, for the page; spice: that as well, for a program on one's own machine. */
export const graphicsKinds = ['vnc', 'spice'] as const
export type GraphicsKind = (typeof graphicsKinds)[number]

/** Not shared unless asked for: QEMU before 10.1 cannot move a running guest, nor save its memory, while it shares one. */
export const clipboardKinds = ['none', 'shared'] as const
export type ClipboardKind = (typeof clipboardKinds)[number]

/** Video cards. Every system has a driver for vga; virtio is one too, and besides takes the size of who looks at it, where its driver is. */
export const videoModels = ['vga', 'virtio'] as const
export type VideoModel = (typeof videoModels)[number]

export interface Graphics {
  graphics: GraphicsKind
  clipboard: ClipboardKind
  video_model: VideoModel
}

type Words = { readonly [Key in keyof Graphics]?: string | undefined }

/** What was asked for, else what the image asks for, else the first of each. Words that are not known ask for nothing. */
export function graphicsOf(asked: Words, properties: Words): Graphics {
  return {
    graphics: known(graphicsKinds, asked.graphics ?? properties.graphics),
    clipboard: known(clipboardKinds, asked.clipboard ?? properties.clipboard),
    video_model: known(videoModels, asked.video_model ?? properties.video_model),
  }
}

function known<Word extends string>(words: readonly [Word, ...Word[]], word: string | undefined): Word {
  return words.find(one => one === word) ?? words[0]
}
