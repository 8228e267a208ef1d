/**
 * Does together what is asked for at the same moment, as a database's group commit does: while a batch is under way, what
 * comes is gathered, and done as the next batch. Who comes alone waits for nobody; the more come, the less each costs.
 */

interface Asked<In, Out> {
  item: In
  resolve(out: Out): void
  reject(error: unknown): void
}

export class Together<In, Out> {
  private readonly work: (items: readonly In[]) => Promise<readonly Out[]>
  private readonly atOnce: number
  private readonly batchMax: number
  private waiting: Asked<In, Out>[] = []
  private underWay = 0

  /**
   * `work` answers for its items in their order, or throws and has changed nothing. Then each item is done by itself, so that
   * one that cannot be done fails alone. At most `atOnce` batches are under way, of at most `batchMax` items each.
   */
  constructor(
    work: (items: readonly In[]) => Promise<readonly Out[]>,
    { atOnce = 1, batchMax = 100 }: { atOnce?: number; batchMax?: number } = {},
  ) {
    this.work = work
    this.atOnce = atOnce
    this.batchMax = batchMax
  }

  ask(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject })
      // What else is asked for in this turn of the event loop comes along.
      if (this.waiting.length === 1) queueMicrotask(() => this.next())
    })
  }

  private next(): void {
    while (this.underWay < this.atOnce && this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.batchMax)
      this.underWay += 1
      void this.run(batch).finally(() => {
        this.underWay -= 1
        this.next()
      })
    }
  }

  private async run(batch: readonly Asked<In, Out>[]): Promise<void> {
    try {
      const answers = await this.work(batch.map(asked => asked.item))
      if (answers.length !== batch.length) {
        throw new Error(`${batch.length} things were asked for, and ${answers.length} were answered`)
      }
      for (const [n, asked] of batch.entries()) asked.resolve(answers[n] as Out)
    } catch (error) {
      if (batch.length === 1) return batch[0]?.reject(error)
      for (const asked of batch) await this.run([asked])
    }
  }
}

/** As Together, for work of several kinds: only what has the same key is done together. */
export class TogetherByKey<In, Out> {
  private readonly lines = new Map<string, { together: Together<In, Out>; asking: number }>()
  private readonly work: (items: readonly In[]) => Promise<readonly Out[]>

  constructor(work: (items: readonly In[]) => Promise<readonly Out[]>) {
    this.work = work
  }

  async ask(key: string, item: In): Promise<Out> {
    const line = this.lines.get(key) ?? { together: new Together(this.work), asking: 0 }
    this.lines.set(key, line)
    line.asking += 1
    try {
      return await line.together.ask(item)
    } finally {
      line.asking -= 1
      if (line.asking === 0) this.lines.delete(key)
    }
  }
}
