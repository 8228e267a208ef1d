/** How likely a difference of two counts is by chance alone. Pure. */

export interface Count {
  readonly tried: number
  readonly found: number
}

const logFactorial = (n: number) => Array.from({ length: n }, (_, i) => Math.log(i + 1)).reduce((sum, x) => sum + x, 0)
const logChoose = (n: number, k: number) => logFactorial(n) - logFactorial(k) - logFactorial(n - k)

/**
 * Fisher's exact test, one-sided: were both alike, how likely it is that `mine` has at least as many of all that were found as it has. Small: `mine`
 * has more of them, and not by chance.
 */
export function chanceOfAtLeast(mine: Count, other: Count): number {
  const found = mine.found + other.found
  const all = logChoose(mine.tried + other.tried, found)
  let chance = 0
  for (let of_mine = mine.found; of_mine <= Math.min(found, mine.tried); of_mine++) {
    const of_other = found - of_mine
    if (of_other > other.tried) continue
    chance += Math.exp(logChoose(mine.tried, of_mine) + logChoose(other.tried, of_other) - all)
  }
  return Math.min(1, chance)
}
