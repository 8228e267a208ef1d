/**
 * The part of the Open_vSwitch database that this driver reads and writes; ovs-vswitchd.conf.db(5) describes it. Checked
 * against the server's own schema on connecting. Not its job: what the values mean.
 */
const strings = { key: 'string', value: 'string', min: 0, max: 'unlimited' } as const
const refs = (refTable: string, min: 0 | 1) => ({ key: { type: 'uuid', refTable }, min, max: 'unlimited' }) as const
const optional = <T extends 'string' | 'integer'>(key: T) => ({ key, min: 0, max: 1 }) as const

export const vswitchSchema = {
  name: 'Open_vSwitch',
  tables: {
    Open_vSwitch: {
      columns: {
        bridges: { type: refs('Bridge', 0) },
        ssl: { type: { key: { type: 'uuid', refTable: 'SSL' }, min: 0, max: 1 } },
        external_ids: { type: strings },
        next_cfg: { type: 'integer' },
        cur_cfg: { type: 'integer' },
      },
    },
    Bridge: {
      columns: {
        name: { type: 'string' },
        ports: { type: refs('Port', 0) },
        datapath_type: { type: 'string' },
        fail_mode: { type: optional('string') },
        other_config: { type: strings },
        external_ids: { type: strings },
      },
    },
    Port: {
      columns: {
        name: { type: 'string' },
        interfaces: { type: refs('Interface', 1) },
        external_ids: { type: strings },
      },
    },
    Interface: {
      columns: {
        name: { type: 'string' },
        type: { type: 'string' },
        external_ids: { type: strings },
        ofport: { type: optional('integer') },
        ifindex: { type: optional('integer') },
        mtu_request: { type: optional('integer') },
        error: { type: optional('string') },
      },
    },
    SSL: {
      columns: { private_key: { type: 'string' }, certificate: { type: 'string' }, ca_cert: { type: 'string' } },
    },
  },
} as const

export type VswitchSchema = typeof vswitchSchema
