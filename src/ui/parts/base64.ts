/** Bytes as base64 (RFC 4648), however many: a function takes only so many arguments. */

export function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
}

export const base64OfText = (text: string): string => base64Of(new TextEncoder().encode(text))
