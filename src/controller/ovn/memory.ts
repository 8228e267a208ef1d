/**
 * A northbound database in memory, for simulation: with its NB_Global row, and as if ovn-northd and every host had done
 * their work at once. Not its job: forwarding packets.
 */
import { type Database, MemoryServer, type MemoryServerOptions } from '../../lib/ovsdb/index.ts'
import { nb, type Northbound, northbound } from './schema.ts'

export class MemoryNorthbound {
  readonly server: MemoryServer<Northbound>

  constructor(options: MemoryServerOptions = {}) {
    this.server = new MemoryServer(northbound, options)
    const session = this.server.connect()
    this.server.commit(session, [nb.insert('NB_Global', {})])
    session.on('change', () => {
      const row = session.replica.table('NB_Global').values().next().value
      if (!row || (row.sb_cfg === row.nb_cfg && row.hv_cfg === row.nb_cfg)) return
      this.server.commit(session, [nb.update('NB_Global', [], { sb_cfg: row.nb_cfg, hv_cfg: row.nb_cfg })])
    })
  }

  /** A session for one controller; close() it when that is killed. */
  connect(): Database<Northbound> {
    return this.server.connect()
  }
}
