/** A database behind a proxy that cuts a connection when it hurts: at a commit, or for good. For tests of what is done about that. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { openDatabase } from '../../src/controller/store/database.ts'
import { migrate } from '../../src/controller/store/migrate.ts'
import { type TestDatabase, testDatabase } from './postgres.ts'

/**
 * What happens to the next transaction that sends the marker: its commit is done and the answer lost; it is cut before it sends what comes next; or it is,
 * and so are all others, until `back`.
 */
export type Trouble = 'answer lost' | 'not sent' | 'gone'

export class CutDatabase {
  /** Past the proxy. */
  readonly own: TestDatabase
  /** Null: none is to come, or all that was to come has. */
  trouble: Trouble | null = null
  /** A text that only the transactions send that are meant. A statement that was prepared before is sent by its name, so that of a commit is not to be seen. */
  marker = ''
  /** So many of them are left alone first. */
  spared = 0
  /** Through the proxy. */
  url = ''
  private away = false
  private readonly sockets = new Set<Socket>()
  private readonly proxy = createServer(near => this.accept(near))
  private folder = ''
  private port = ''

  private constructor(own: TestDatabase) {
    this.own = own
  }

  static async open(): Promise<CutDatabase> {
    const own = await testDatabase(async url => {
      const database = openDatabase({ url, onError: console.error })
      await migrate(database.db)
      await database.close()
    })
    const cut = new CutDatabase(own)
    const [, base = '', folder = '', port = ''] = /^(.*)\?host=([^&]+)&port=(\d+)$/.exec(own.url) ?? []
    cut.folder = decodeURIComponent(folder)
    cut.port = port
    cut.proxy.listen(0, '127.0.0.1')
    await once(cut.proxy, 'listening')
    const address = cut.proxy.address()
    assert.ok(address && typeof address === 'object')
    cut.url = base.replace('@/', `@127.0.0.1:${address.port}/`)
    return cut
  }

  /** Has it happen to the one of these that comes after so many others. */
  next(trouble: Trouble, marker: string, spared = 0): void {
    Object.assign(this, { trouble, marker, spared })
  }

  back(): void {
    this.away = false
  }

  async close(): Promise<void> {
    this.proxy.close()
    for (const socket of this.sockets) socket.destroy()
    await this.own.drop()
  }

  private accept(near: Socket): void {
    if (this.away) return void near.destroy()
    const far = connect(`${this.folder}/.s.PGSQL.${this.port}`)
    for (const socket of [near, far]) {
      this.sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => this.sockets.delete(socket))
    }
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
    this.between(near, far)
  }

  private between(near: Socket, far: Socket): void {
    let wrote = false
    near.on('data', (data: Buffer) => {
      if (wrote && this.spared === 0 && (this.trouble === 'not sent' || this.trouble === 'gone'))
        return this.cut(this.trouble, near)
      if (this.trouble !== null && data.includes(this.marker)) wrote = true
      far.write(data)
    })
    far.on('data', (data: Buffer) => {
      const committed = wrote && data.includes('COMMIT\0')
      if (committed) wrote = false
      if (committed && this.spared > 0) this.spared -= 1
      else if (committed && this.trouble === 'answer lost') return this.cut(this.trouble, near)
      near.write(data)
    })
  }

  private cut(trouble: Trouble, near: Socket): void {
    this.trouble = null
    if (trouble !== 'gone') return void near.destroy()
    this.away = true
    for (const socket of this.sockets) socket.destroy()
  }
}
