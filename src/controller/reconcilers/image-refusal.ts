/** What ends an image's way for good, told from what is only tried again. */
import { DiskImageError } from '../../lib/disk-image/index.ts'
import { DownloadError } from '../../lib/download/index.ts'

/** A failure that is the image's end, in plain words; null for one that is the database's, so that it is tried again. */
export class Refusal extends Error {
  readonly sentence: string

  constructor(sentence: string, cause: unknown) {
    super(sentence, { cause })
    this.sentence = sentence
  }
}

export function refusalOf(error: unknown): Refusal | null {
  return error instanceof Refusal ? error : null
}

/** Runs a step that touches no database: whatever fails in it is about this content. */
export async function judged<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (error instanceof DiskImageError || error instanceof DownloadError) throw new Refusal(error.message, error)
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new Refusal(
        'There was no room left where images are kept. Have an administrator make room, then try again.',
        error,
      )
    }
    throw new Refusal(
      `Croft could not work on the content (${error instanceof Error ? error.message : 'unknown'}). Try again; ` +
        "an administrator finds more in the controller's log.",
      error,
    )
  }
}
