/** A command as one types it, taken apart into words: quotes and backslashes as POSIX shells have them, and nothing else of a shell. */

/** A quote that nobody closes goes up to the end. */
export function wordsOf(text: string): string[] {
  const found: string[] = []
  let word: string | null = null
  let quote: '"' | "'" | null = null
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at)
    if (quote !== null) {
      if (sign === quote) quote = null
      else if (sign === '\\' && quote === '"' && /["\\$`]/.test(text.charAt(at + 1))) word += text.charAt(++at)
      else word += sign
    } else if (sign === '"' || sign === "'") {
      quote = sign
      word ??= ''
    } else if (sign === '\\' && at + 1 < text.length) word = (word ?? '') + text.charAt(++at)
    else if (!/\s/.test(sign)) word = (word ?? '') + sign
    else if (word !== null) {
      found.push(word)
      word = null
    }
  }
  if (word !== null) found.push(word)
  return found
}
