/**
 * Does together what is asked for at the same moment, as a database's group commit does: while a batch is under way, what
 * comes is gathered, and done as the next batch. Who comes alone waits for nobody; the more come, the less each costs.
 */

interface Asked<In, Out> {
  item: In
  resolve(out: Out): void
  reject(error: unknown): void
}

export interface TogetherOptions {
  /** Batches under way, and items of one. */
  atOnce?: number
  batchMax?: number
  /** Of what a batch failed with: nothing has changed for certain, and its items may do better one by one. Without it, always. */
  mayRedo?: (error: unknown) => boolean
}

export class Together<In, Out> {
  private readonly work: (items: readonly In[]) => Promise<readonly Out[]>
  private readonly mayRedo: (error: unknown) => boolean
  private readonly atOnce: number
  private readonly batchMax: number
  private waiting: Asked<In, Out>[] = []
  private underWay = 0

  /**
   * `work` answers for its items in their order, or throws and has changed nothing. Then each item is done by itself, so that
   * one that cannot be done fails alone; all fail together when the failure may not be redone.
   */
  constructor(
    work: (items: readonly In[]) => Promise<readonly Out[]>,
    { atOnce = 1, batchMax = 100, mayRedo = () => true }: TogetherOptions = {},
  ) {
    this.work = work
    this.mayRedo = mayRedo
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
    const failure = await this.attempt(batch)
    if (!failure) return
    let ended = batch.length === 1 || !this.mayRedo(failure.error) ? failure : undefined
    for (const asked of batch) {
      const failed = ended ?? (await this.attempt([asked]))
      if (!failed) continue
      asked.reject(failed.error)
      // Nor would those after it do better.
      if (!this.mayRedo(failed.error)) ended = failed
    }
  }

  /** Does and answers them; or says why not. */
  private async attempt(batch: readonly Asked<In, Out>[]): Promise<{ error: unknown } | undefined> {
    try {
      const answers = await this.work(batch.map(asked => asked.item))
      if (answers.length !== batch.length) {
        throw new Error(`${batch.length} things were asked for, and ${answers.length} were answered`)
      }
      for (const [n, asked] of batch.entries()) asked.resolve(answers[n] as Out)
      return undefined
    } catch (error) {
      return { error }
    }
  }
}

/** As Together, for work of several kinds: only what has the same key is done together. */
export class TogetherByKey<In, Out> {
  private readonly lines = new Map<string, { together: Together<In, Out>; asking: number }>()
  private readonly work: (items: readonly In[]) => Promise<readonly Out[]>
  private readonly options: TogetherOptions

  constructor(work: (items: readonly In[]) => Promise<readonly Out[]>, options: TogetherOptions = {}) {
    this.work = work
    this.options = options
  }

  async ask(key: string, item: In): Promise<Out> {
    const line = this.lines.get(key) ?? { together: new Together(this.work, this.options), asking: 0 }
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
