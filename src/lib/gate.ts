/**
 * Lets a few through at once and keeps a bounded queue of the rest, in the order they came. Those with the same key go
 * one after another, so that a crowd at one key leaves room for others.
 */
export class GateFull extends Error {}

interface Waiting {
  key: string
  enter(): void
}

export class Gate {
  private readonly atOnce: number
  private readonly waitingMax: number
  private readonly inside = new Set<string>()
  private queue: Waiting[] = []

  constructor(atOnce: number, waitingMax: number) {
    this.atOnce = atOnce
    this.waitingMax = waitingMax
  }

  /** Runs `work` when it is its turn. Throws GateFull, at once, when too many wait already. */
  async pass<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.isOpen(key)) this.inside.add(key)
    else await this.wait(key)
    try {
      return await work()
    } finally {
      this.inside.delete(key)
      this.letIn()
    }
  }

  private isOpen(key: string): boolean {
    return this.inside.size < this.atOnce && !this.inside.has(key)
  }

  private wait(key: string): Promise<void> {
    if (this.queue.length >= this.waitingMax) {
      return Promise.reject(new GateFull(`${this.queue.length} are waiting already`))
    }
    return new Promise(enter => {
      this.queue.push({ key, enter })
    })
  }

  private letIn(): void {
    const next = this.queue.findIndex(waiting => this.isOpen(waiting.key))
    const [entering] = next === -1 ? [] : this.queue.splice(next, 1)
    if (!entering) return
    // Taken before the waiter's own turn comes, so that nobody slips in between.
    this.inside.add(entering.key)
    entering.enter()
  }
}
