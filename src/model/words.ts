/** Numbers with their nouns, for sentences of the API. The web UI has catalogues of its own. */

export const vcpusText = (n: number): string => (n === 1 ? '1 vCPU' : `${n} vCPUs`)
