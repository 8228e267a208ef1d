/** What a transaction needs next is somebody else's, and to wait for it might be to wait in a circle: all is to be begun again (database.ts). */
export class BeginAgain extends Error {
  /** Each time somebody else has come further. */
  static readonly times_max = 100
}
