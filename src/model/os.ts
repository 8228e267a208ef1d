/** What the system on an image is, as far as a machine has to be made for it. Pure. */

/** Others need nothing of their own. */
export type OsFamily = 'windows'

/** `os`: as an image's property says it: windows, Windows Server 2022, win2k22. */
export function osFamilyOf(os: string | null | undefined): OsFamily | null {
  return /^win/i.test(os ?? '') ? 'windows' : null
}
