/**
 * The part of OVN's northbound database that Croft reads and writes (ovn-nb(5)); only these columns are monitored.
 * Columns that OVN itself fills (Logical_Switch_Port.up and the like) are left out: their changes are no concern here.
 * Not its job: what rows should be there (plan.ts).
 */
import { operationsFor, type SchemaSource, type TableName } from '../../lib/ovsdb/index.ts'

const string = { type: 'string' } as const
const integer = { type: 'integer' } as const
const optionalString = { type: { key: 'string', min: 0, max: 1 } } as const
const optionalInteger = { type: { key: 'integer', min: 0, max: 1 } } as const
const optionalBoolean = { type: { key: 'boolean', min: 0, max: 1 } } as const
const strings = { type: { key: 'string', min: 0, max: 'unlimited' } } as const
const map = { type: { key: 'string', value: 'string', min: 0, max: 'unlimited' } } as const
const children = (refTable: string) =>
  ({ type: { key: { type: 'uuid', refTable, refType: 'strong' }, min: 0, max: 'unlimited' } }) as const
const mentions = (refTable: string) =>
  ({ type: { key: { type: 'uuid', refTable, refType: 'weak' }, min: 0, max: 'unlimited' } }) as const
const mention = (refTable: string) =>
  ({ type: { key: { type: 'uuid', refTable, refType: 'weak' }, min: 0, max: 1 } }) as const

export const northbound = {
  name: 'OVN_Northbound',
  tables: {
    NB_Global: { isRoot: true, maxRows: 1, columns: { nb_cfg: integer, sb_cfg: integer, hv_cfg: integer } },
    DHCP_Options: { isRoot: true, columns: { cidr: string, options: map, external_ids: map } },
    DNS: { isRoot: true, columns: { records: map, external_ids: map } },
    Port_Group: {
      isRoot: true,
      indexes: [['name']],
      columns: {
        name: string,
        ports: mentions('Logical_Switch_Port'),
        acls: children('ACL'),
        external_ids: map,
      },
    },
    Logical_Switch: {
      isRoot: true,
      columns: {
        name: string,
        ports: children('Logical_Switch_Port'),
        dns_records: mentions('DNS'),
        external_ids: map,
      },
    },
    Logical_Router: {
      isRoot: true,
      columns: {
        name: string,
        ports: children('Logical_Router_Port'),
        static_routes: children('Logical_Router_Static_Route'),
        nat: children('NAT'),
        options: map,
        external_ids: map,
      },
    },
    ACL: {
      columns: {
        priority: integer,
        direction: string,
        match: string,
        action: string,
        external_ids: map,
      },
    },
    Logical_Router_Port: {
      indexes: [['name']],
      columns: {
        name: string,
        mac: string,
        networks: { type: { key: 'string', min: 1, max: 'unlimited' } },
        gateway_chassis: children('Gateway_Chassis'),
        ipv6_ra_configs: map,
        options: map,
        external_ids: map,
      },
    },
    Gateway_Chassis: {
      indexes: [['name']],
      columns: { name: string, chassis_name: string, priority: integer, external_ids: map },
    },
    Logical_Router_Static_Route: {
      columns: { ip_prefix: string, nexthop: string, output_port: optionalString, external_ids: map },
    },
    NAT: {
      columns: {
        type: string,
        external_ip: string,
        external_mac: optionalString,
        logical_ip: string,
        logical_port: optionalString,
        external_ids: map,
      },
    },
    Logical_Switch_Port: {
      indexes: [['name']],
      columns: {
        name: string,
        type: string,
        addresses: strings,
        port_security: strings,
        options: map,
        tag: optionalInteger,
        enabled: optionalBoolean,
        dhcpv4_options: mention('DHCP_Options'),
        dhcpv6_options: mention('DHCP_Options'),
        external_ids: map,
      },
    },
  },
} as const satisfies SchemaSource

export type Northbound = typeof northbound
export type NbTable = Exclude<TableName<Northbound>, 'NB_Global'>

/** The tables that Croft fills. A row comes after what it needs: a port is last, so that its protection is there before it. */
export const nbTables = Object.keys(northbound.tables).filter(name => name !== 'NB_Global') as NbTable[]

export const nb = operationsFor(northbound)

/** Every row of Croft's has these in external_ids; rows without are not its own. */
export const idKey = 'croft:id'
export const kindKey = 'croft:kind'
