/** Numbers with their nouns, for sentences of the API. The web UI has catalogues of its own. */

/** "1 volume", "2 volumes". `many`: where it is not the one with an s. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`

export const vcpusText = (n: number): string => (n === 1 ? '1 vCPU' : `${n} vCPUs`)
