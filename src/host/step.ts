/** How work on this machine is shown to whoever asked for it. Types only: cli/progress.ts shows it on a terminal. */

export type Show = (detail: string, percent?: number) => void

/** Runs one step: shows its title, and what `say` makes of the outcome. */
export type Step = <T>(title: string, work: (show: Show) => Promise<T>, say?: (result: T) => string) => Promise<T>
