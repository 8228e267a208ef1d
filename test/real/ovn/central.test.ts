/** The logical network in real OVN databases with ovn-northd: what packets would do, told by ovn-trace. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { emptyTopology, type Northbound, OvnReconciler, waitUntilInForce } from '../../../src/controller/ovn/index.ts'
import { realClock } from '../../../src/lib/clock.ts'
import type { OvsdbClient } from '../../../src/lib/ovsdb/index.ts'
import { type OvnCentral, startOvnCentral } from '../../support/ovn-central.ts'
import {
  a1,
  a2,
  a3,
  b1,
  groupWeb,
  knownTopology,
  macOf,
  mdA,
  netA,
  outside,
  rA,
  rB,
  rOut,
} from '../../support/ovn-known.ts'

void describe('the logical network in OVN', () => {
  let central: OvnCentral
  let nb: OvsdbClient<Northbound>
  let reconciler: OvnReconciler
  let wanted = knownTopology
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

  const settle = async (): Promise<void> => {
    const pass = await reconciler.applied()
    assert.deepEqual(pass.failures, [])
    assert.deepEqual(pass.problems, [])
    await waitUntilInForce(nb, { level: 'sb', timeout_ms: 10_000, clock: realClock })
  }
  const from = (id: string, to: string, rest: string) =>
    central.trace(`inport == "${id}" && eth.src == ${macOf(id)} && eth.dst == ${to} && ip.ttl == 64 && ${rest}`, [
      'new',
      'new',
      'new',
      'new',
    ])
  const reaches = (output: string, id: string) =>
    output.includes(`output("${id}")`) || output.includes(`/* output to "${id}"`)

  before(async () => {
    central = await startOvnCentral()
    nb = await central.connect()
    reconciler = new OvnReconciler({ nb, loadTopology: async () => wanted, logger: silent, clock: realClock })
    await settle()
    await central.sbctl('chassis-add', 'host-1', 'geneve', '127.0.0.1')
    for (const id of [a1, a2, a3, b1, `cr-lrp-${rOut}`]) await central.sbctl('lsp-bind', id, 'host-1')
    // The world outside, which is not there to answer ARP.
    const datapath = await central.sbctl(
      '--bare',
      '--columns=datapath',
      'find',
      'Port_Binding',
      `logical_port=lrp-${rOut}`,
    )
    const neighbour = [
      `logical_port=lrp-${rOut}`,
      'ip=192.0.2.1',
      'mac="02:00:00:00:00:01"',
      `datapath=${datapath.trim()}`,
    ]
    await central.sbctl('create', 'MAC_Binding', ...neighbour)
    await waitUntilInForce(nb, { level: 'sb', timeout_ms: 10_000, clock: realClock })
  })
  after(async () => {
    await reconciler.close()
    nb.close()
    await central[Symbol.asyncDispose]()
  })

  void it('makes flows without a complaint from OVN, and a second pass changes nothing', async () => {
    const pass = await reconciler.applied()
    assert.equal(pass.operations, 0)
    assert.match(await central.sbctl('--columns=match', '--bare', 'list', 'Logical_Flow'), /croft_guarded/)
  })

  void it('answers DHCP with address, MTU, routes through the metadata port, name servers and names', async () => {
    const out = await from(
      a1,
      'ff:ff:ff:ff:ff:ff',
      'ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && udp.src == 68 && udp.dst == 67',
    )
    assert.match(out, /put_dhcp_opts\(offerip = 10\.0\.0\.11/)
    for (const expected of [
      /mtu = 1442/,
      /server_id = 10\.0\.0\.1/,
      /lease_time = 43200/,
      /router = 10\.0\.0\.1/,
      /dns_server = \{9\.9\.9\.9, 1\.1\.1\.1\}/,
      /hostname = "alpha"/,
      /domain_name = "croft.internal"/,
      /classless_static_route = \{169\.254\.169\.254\/32,\s*10\.0\.0\.2, 10\.99\.0\.0\/16,\s*10\.0\.0\.9, 0\.0\.0\.0\/0,\s*10\.0\.0\.1\}/,
    ])
      assert.match(out, expected)
    const v6 = await central.sbctl('--columns=actions', '--bare', 'list', 'Logical_Flow')
    assert.match(v6, /put_dhcpv6_opts\(ia_addr = fd00::11/)
    assert.match(v6, /put_nd_ra_opts\(addr_mode = "dhcpv6_stateful"/)
  })

  void it('lets members of the default group talk, and nobody else in', async () => {
    const tcp = (src: string, dst: string, port_: number) =>
      `ip4.src == ${src} && ip4.dst == ${dst} && tcp.src == 40000 && tcp.dst == ${port_}`
    assert(reaches(await from(a1, macOf(a2), tcp('10.0.0.11', '10.0.0.12', 22)), a2))
    assert(
      !reaches(await from(a3, macOf(a2), tcp('10.0.0.13', '10.0.0.12', 22)), a2),
      'a port without groups sends nothing',
    )
    assert(
      !reaches(await from(a1, macOf(a3), tcp('10.0.0.11', '10.0.0.13', 22)), a3),
      'a port without groups gets nothing',
    )
  })

  void it('holds rules to protocol, port, ICMP type and remote', async () => {
    const across = (rest: string, src = '10.0.0.11', id = a1) =>
      from(id, macOf(rA), `ip4.src == ${src} && ip4.dst == 10.0.1.11 && ${rest}`)
    assert(reaches(await across('tcp.src == 40000 && tcp.dst == 80'), b1))
    assert(!reaches(await across('tcp.src == 40000 && tcp.dst == 81'), b1))
    assert(!reaches(await across('udp.src == 40000 && udp.dst == 80'), b1))
    assert(reaches(await across('icmp4.type == 8 && icmp4.code == 0'), b1))
    assert(!reaches(await across('icmp4.type == 13 && icmp4.code == 0'), b1))
    assert(reaches(await across('ip.proto == 112'), b1))
    const out = (rest: string) => from(b1, macOf(rB), `ip4.src == 10.0.1.11 && ${rest} && tcp.src == 40000`)
    assert(reaches(await out('ip4.dst == 203.0.113.9 && tcp.dst == 444'), `localnet-${outside}`))
    assert(!reaches(await out('ip4.dst == 203.0.113.9 && tcp.dst == 445'), `localnet-${outside}`))
    assert(!reaches(await out('ip4.dst == 198.51.100.9 && tcp.dst == 443'), `localnet-${outside}`))
  })

  void it('lets answers of tracked connections through that no rule allows', async () => {
    const answer = `inport == "${b1}" && eth.src == ${macOf(b1)} && eth.dst == ${macOf(rB)} && ip.ttl == 64 && ip4.src == 10.0.1.11 && ip4.dst == 10.0.0.11 && tcp.src == 80 && tcp.dst == 40000`
    assert(!reaches(await central.trace(answer, ['new', 'new', 'new']), a1))
    assert(reaches(await central.trace(answer, ['est,rpl', 'est,rpl', 'est,rpl', 'est,rpl', 'est,rpl', 'est,rpl']), a1))
  })

  void it('drops spoofed addresses, and takes allowed pairs', async () => {
    const ip = (src: string) => `ip4.src == ${src} && ip4.dst == 10.0.0.12 && tcp.dst == 22`
    assert(!reaches(await from(a1, macOf(a2), ip('10.0.0.99')), a2))
    const outwards = 'ip4.dst == 203.0.113.9 && tcp.dst == 443'
    assert(reaches(await from(a1, macOf(rA), `ip4.src == 10.0.0.250 && ${outwards}`), `localnet-${outside}`))
    assert(!reaches(await from(a1, macOf(rA), `ip4.src == 10.0.0.251 && ${outwards}`), `localnet-${outside}`))
    const wrongMac = await central.trace(
      `inport == "${a1}" && eth.src == 52:54:00:00:00:99 && eth.dst == ${macOf(a2)} && ip.ttl == 64 && ${ip('10.0.0.11')}`,
      ['new', 'new'],
    )
    assert(!reaches(wrongMac, a2))
  })

  void it('always lets metadata, ARP, neighbour discovery and the question for an address pass; guests serve no DHCP', async () => {
    assert(
      reaches(
        await from(
          a3,
          macOf(mdA),
          'ip4.src == 10.0.0.13 && ip4.dst == 169.254.169.254 && tcp.src == 40000 && tcp.dst == 80',
        ),
        mdA,
      ),
    )
    assert(
      !reaches(
        await from(
          a3,
          macOf(mdA),
          'ip4.src == 10.0.0.13 && ip4.dst == 169.254.169.254 && tcp.src == 40000 && tcp.dst == 22',
        ),
        mdA,
      ),
    )
    const arp = await central.trace(
      `inport == "${a3}" && eth.src == ${macOf(a3)} && eth.dst == ff:ff:ff:ff:ff:ff && arp.op == 1 && arp.sha == ${macOf(a3)} && arp.spa == 10.0.0.13 && arp.tpa == 10.0.0.11 && arp.tha == 00:00:00:00:00:00`,
    )
    assert(reaches(arp, a3), 'OVN answers for the other port')
    const md = await central.trace(
      `inport == "${a3}" && eth.src == ${macOf(a3)} && eth.dst == ff:ff:ff:ff:ff:ff && arp.op == 1 && arp.sha == ${macOf(a3)} && arp.spa == 10.0.0.13 && arp.tpa == 169.254.169.254 && arp.tha == 00:00:00:00:00:00`,
    )
    assert(md.includes(macOf(mdA)))
    const nd = await central.trace(
      `inport == "${a1}" && eth.src == ${macOf(a1)} && eth.dst == 33:33:ff:00:00:12 && ip6.src == fd00::11 && ip6.dst == ff02::1:ff00:12 && ip.ttl == 255 && nd_ns && nd.target == fd00::12 && nd.sll == ${macOf(a1)}`,
    )
    assert(nd.includes('nd_na {') && reaches(nd, a1), 'OVN answers neighbour solicitations')
    assert.match(
      await from(
        a3,
        'ff:ff:ff:ff:ff:ff',
        'ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && udp.src == 68 && udp.dst == 67',
      ),
      /offerip = 10\.0\.0\.13/,
    )
    assert(
      !reaches(
        await from(a1, macOf(a2), 'ip4.src == 10.0.0.11 && ip4.dst == 10.0.0.12 && udp.src == 67 && udp.dst == 68'),
        a2,
      ),
    )
  })

  void it('hides guests behind the router, and gives those with a floating address theirs', async () => {
    const away = (id: string, src: string, via: string) =>
      from(id, via, `ip4.src == ${src} && ip4.dst == 203.0.113.9 && tcp.src == 40000 && tcp.dst == 443`)
    assert.match(await away(a2, '10.0.0.12', macOf(rA)), /ct_snat(_in_czone)?\(192\.0\.2\.10\)/)
    assert.match(await away(a1, '10.0.0.11', macOf(rA)), /ct_snat(_in_czone)?\(192\.0\.2\.51\)/)
    assert.match(await away(b1, '10.0.1.11', macOf(rB)), /ct_snat(_in_czone)?\(192\.0\.2\.52\)/)
    const into = (dst: string, mac: string, port_: number) =>
      central.trace(
        `inport == "localnet-${outside}" && eth.src == 02:00:00:00:00:01 && eth.dst == ${mac} && ip.ttl == 64 && ip4.src == 203.0.113.9 && ip4.dst == ${dst} && tcp.src == 40000 && tcp.dst == ${port_}`,
        ['new', 'new', 'new', 'new'],
      )
    assert(!reaches(await into('192.0.2.51', macOf(rOut), 22), a1), 'the default group lets nobody in from outside')
    const { external_mac = '' } = nb.replica.find('NAT', { external_ip: '192.0.2.52' }) ?? {}
    assert(reaches(await into('192.0.2.52', external_mac, 80), b1))
    assert(!reaches(await into('192.0.2.52', external_mac, 22), b1))
    assert.match(await into('192.0.2.51', macOf(rOut), 22), /ct_dnat(_in_czone)?\(10\.0\.0\.11\)/)
  })

  void it('tags the way outside and places the gateway', async () => {
    assert.equal(
      (await central.sbctl('--bare', '--columns=tag', 'find', 'Port_Binding', 'type=localnet')).trim(),
      '100',
    )
    const chassis = await central.nbctl('lrp-get-gateway-chassis', `lrp-${rOut}`)
    assert.match(chassis, /_host-1\s+2\n.*_host-2\s+1/)
    assert.match(
      await central.sbctl('--bare', '--columns=options', 'find', 'Port_Binding', `logical_port=${a1}`),
      /requested-chassis=host-1/,
    )
  })

  void it('repairs what somebody changes by hand, unasked', async () => {
    const repaired = new Promise<void>(resolve => reconciler.on('applied', pass => pass.operations > 0 && resolve()))
    await central.nbctl(
      'acl-add',
      `croft_sg_${groupWeb.replaceAll('-', '_')}`,
      'to-lport',
      '1002',
      'ip4',
      'allow',
      '--',
      'lsp-set-port-security',
      a1,
      '--',
      'lsp-del',
      a2,
    )
    await repaired
    await settle()
    assert.match(await central.nbctl('lsp-get-port-security', a1), /10\.0\.0\.11/)
    assert.match(await central.nbctl('show', `network-${netA}`), new RegExp(a2))
    await central.nbctl('acl-del', `croft_sg_${groupWeb.replaceAll('-', '_')}`, 'to-lport', '1002', 'ip4')
    await settle()
  })

  void it('takes it all away again', async () => {
    wanted = emptyTopology
    await settle()
    assert.equal((await central.sbctl('--bare', '--columns=_uuid', 'list', 'Logical_Flow')).trim(), '')
    assert.equal((await central.nbctl('show')).trim(), '')
  })
})
