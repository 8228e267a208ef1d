/**
 * The network driver on real hosts, with real Open vSwitch and OVN: two hosts joined by Geneve, and one host that is
 * everything: external bridge, way outside, floating address, metadata. Guests are network namespaces plugged into br-int,
 * bound by iface-id as libvirt would; the logical rows are made with ovn-nbctl.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { NamespaceDialer } from '../../src/lib/netns/sockets.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { fetchWith } from './bed/namespace.ts'
import { startCentral, startController, startVswitch, startVswitchd, stopDaemon } from './bed/ovn.ts'
import type { Order } from './network-agent.ts'

const network_id = '11111111-2222-4333-8444-555555555555'
const metadata_port_id = '11111111-2222-4333-8444-666666666666'
const gateway = '172.31.240.1'
const floating = '172.31.240.50'

type Guest = {
  readonly name: string
  readonly mac: string
  readonly address: string
  readonly routes: readonly string[]
}

let bed: Bed

before(async () => {
  bed = await createBed()
})
after(() => bed.close())

/** Open vSwitch and the driver on a host. */
async function startDriver(host: Host, options: object = {}): Promise<Host> {
  const { name } = host
  await startVswitch(host)
  const given = {
    run_dir: '/run/openvswitch',
    system_id: name,
    hostname: name,
    tunnel_address: host.ip,
    datapath: 'auto',
  }
  const argv = ['sh', 'scripts/node.sh', 'test/lab/network-agent.ts', JSON.stringify({ ...given, ...options })]
  await host.spawn(argv).says(/listening/)
  return host
}

async function order(host: Host, method: string, path: string, body?: Order): Promise<unknown> {
  const options = body ? { method, body: JSON.stringify(body) } : { method }
  const { status, text } = await host.fetch(`http://127.0.0.1:9000${path}`, options)
  if (status !== 200) throw new Error(text)
  return JSON.parse(text) as unknown
}

const nbctl = (host: Host, ...argv: string[]) => host.must(['ovn-nbctl', '--timeout=30', ...argv])
const inGuest = (host: Host, guest: string, ...argv: string[]) => host.exec(['ip', 'netns', 'exec', guest, ...argv])
const ping = async (host: Host, guest: string, to: string) =>
  (await inGuest(host, guest, 'ping', '-c2', '-i0.2', '-w10', to)).code

/** What libvirt does for a guest, for a namespace: a device on br-int, bound to the logical port of the same name. */
async function plug(host: Host, guest: Guest): Promise<void> {
  const { name, mac, address, routes } = guest
  await host.must(['ip', 'netns', 'add', name])
  await host.must(['ip', '-batch', '-'], {
    input: `link add t-${name} type veth peer name eth0 address ${mac} mtu 1442 netns ${name}\nlink set t-${name} up\n`,
  })
  const inside = ['link set lo up', `address add ${address}/24 dev eth0`, 'link set eth0 up']
  await host.must(['ip', '-netns', name, '-batch', '-'], {
    input: [...inside, ...routes.map(route => `route add ${route}`)].join('\n'),
  })
  await host.must(['ethtool', '-K', `t-${name}`, 'tx', 'off'])
  await host.must(['ip', 'netns', 'exec', name, 'ethtool', '-K', 'eth0', 'tx', 'off'])
  const bind = ['set', 'interface', `t-${name}`, `external_ids:iface-id=${name}`]
  await host.must(['ovs-vsctl', '--timeout=20', '--may-exist', 'add-port', 'br-int', `t-${name}`, '--', ...bind])
  const installed = ['wait-until', 'interface', `t-${name}`, 'external_ids:ovn-installed=true']
  const { code } = await host.exec(['ovs-vsctl', '--timeout=30', ...installed])
  if (code !== 0) assert.fail(`OVN did not install ${name}:\n${await whatOvnKnows(host, name)}`)
}

/** What tells at which of its steps a port stands: a device, an OpenFlow port, claimed, flows, up. */
async function whatOvnKnows(host: Host, port: string): Promise<string> {
  const questions = [
    ['ovs-vsctl', 'list', 'interface', `t-${port}`],
    ['ovn-sbctl', '--timeout=5', 'list', 'port_binding', port],
    ['ovn-sbctl', '--timeout=5', 'list', 'chassis'],
    ['tail', '-n', '80', '/var/log/ovn/ovn-controller.log'],
    ['tail', '-n', '40', '/var/log/openvswitch/ovs-vswitchd.log'],
  ]
  const said = await Promise.all(questions.map(argv => host.exec(argv)))
  return said.map(({ stdout, stderr }, n) => `$ ${questions[n]?.join(' ')}\n${stdout}${stderr}`).join('\n')
}

/** One TCP exchange: what a server in `from` gets to see of the client, and the client of the server. */
async function tcp(server: Host, server_guest: string, client: Host, client_guest: string, address: string) {
  const listen = `import http from 'node:http'; http.createServer((q, r) => r.end(q.socket.remoteAddress + 'x'.repeat(100000))).listen(8080, '0.0.0.0', () => console.log('up'))`
  const program = server.spawn(['ip', 'netns', 'exec', server_guest, 'sh', 'scripts/node.sh', '-e', listen])
  await program.says(/up/)
  const dialer = new NamespaceDialer(client.path(`/run/netns/${client_guest}`))
  const { text } = await fetchWith(dialer, `http://${address}:8080/`, { timeout_ms: 10_000 })
  dialer.close()
  program.kill('SIGKILL')
  await program.exit
  return { peer: text.replace(/x+$/, ''), length: text.length }
}

test('two hosts: guests reach each other through Geneve, with whole frames', async () => {
  const one = await startDriver(await bed.addHost('one'), { tunnel_nic: 'eth0' })
  await startCentral(one)
  const southbound_tls = { key: '/etc/croft/ovn.key', cert: '/etc/croft/ovn.crt', ca: '/etc/croft/ca.crt' }
  const two = await startDriver(await bed.addHost('two'), { tunnel_nic: 'eth0', southbound_tls })
  const wanted: Order = {
    host: {
      version: 1,
      ovn_southbound: `tcp:${one.ip}:6642`,
      physical_networks: {},
      external_gateway: null,
    },
    networks: [],
  }
  await Promise.all([one, two].map(host => order(host, 'PUT', '/apply', wanted)))
  await Promise.all([one, two].map(startController))
  // The NIC went into a bridge with its address and its default route.
  assert.match(await two.must(['ip', 'route']), /default via 10\.210\.0\.1 dev br-phy/)
  assert.equal((await two.exec(['ping', '-c1', '-w5', bed.fabric.gateway])).code, 0)

  await nbctl(one, 'ls-add', 'net')
  const ports = [
    { name: 'ga', mac: '52:54:00:00:00:0a', address: '10.5.0.10', routes: [] },
    { name: 'gb', mac: '52:54:00:00:00:0b', address: '10.5.0.11', routes: [] },
  ] as const
  for (const { name, mac, address } of ports)
    await nbctl(one, 'lsp-add', 'net', name, '--', 'lsp-set-addresses', name, `${mac} ${address}`)
  await Promise.all([plug(one, ports[0]), plug(two, ports[1])])
  await nbctl(one, '--wait=hv', 'sync')
  const chassis = await one.must(['ovn-sbctl', '--bare', '--columns=name', 'list', 'chassis'])
  assert.deepEqual(chassis.trim().split(/\s+/).sort(), ['one', 'two'])

  assert.equal(await ping(one, 'ga', '10.5.0.11'), 0)
  assert.deepEqual(await tcp(two, 'gb', one, 'ga', '10.5.0.11'), { peer: '10.5.0.10', length: 100_009 })
  // 1442 bytes is the most that fits through the tunnel: 28 are headers of IP and ICMP.
  const whole = await inGuest(one, 'ga', 'ping', '-c1', '-w5', '-Mdo', '-s1414', '10.5.0.11')
  assert.equal(whole.code, 0, whole.stdout)

  await stopDaemon(two, 'ovn-controller')
  assert.doesNotMatch(await two.must(['ovs-vsctl', 'get-ssl']), /ovn\.key/)
  assert.ok(wanted.host)
  await order(two, 'PUT', '/apply', { ...wanted, host: { ...wanted.host, ovn_southbound: `ssl:${one.ip}:6642` } })
  assert.match(await two.must(['ovs-vsctl', 'get-ssl']), /\/etc\/croft\/ovn\.key/)
  await order(two, 'POST', '/teardown')
  assert.match(await two.must(['ip', 'route']), /default via 10\.210\.0\.1 dev eth0/)
  assert.equal((await two.must(['ovs-vsctl', 'list-br'])).trim(), '')
  assert.equal((await two.exec(['ping', '-c1', '-w5', bed.fabric.gateway])).code, 0)
})

test('one host: outside, floating address, metadata, repair and teardown', async t => {
  const host = await startDriver(await bed.addHost('all'))
  await startCentral(host)
  const wanted: Order = {
    host: {
      version: 1,
      ovn_southbound: 'unix:/run/ovn/ovnsb_db.sock',
      physical_networks: { external: 'br-ex' },
      external_gateway: `${gateway}/24`,
    },
    networks: [
      {
        network_id,
        version: 1,
        metadata_port_id,
        metadata_mac: '52:54:00:00:01:02',
        metadata_addresses: [{ address: '10.6.0.2', prefix_length: 24, gateway: null }],
        mtu: 1442,
      },
    ],
  }
  await order(host, 'PUT', '/apply', wanted)
  await startController(host)
  const guest: Guest = {
    name: 'gm',
    mac: '52:54:00:00:01:0a',
    address: '10.6.0.10',
    routes: ['default via 10.6.0.1', '169.254.169.254 via 10.6.0.2'],
  }
  await makeTopology(host, guest)
  await plug(host, guest)
  await nbctl(host, '--wait=hv', 'sync')

  await t.test('a guest reaches outside under the address of the host', async () => {
    assert.equal(await ping(host, 'gm', bed.fabric.gateway), 0)
    const listen = `import http from 'node:http'; http.createServer((q, r) => r.end(q.socket.remoteAddress)).listen(8081, '0.0.0.0', () => console.log('up'))`
    const outside = bed.fabric.spawn(['sh', 'scripts/node.sh', '-e', listen], `${bed.dir}/outside.log`)
    await outside.says(/up/)
    const dialer = new NamespaceDialer(host.path('/run/netns/gm'))
    const { text } = await fetchWith(dialer, `http://${bed.fabric.gateway}:8081/`, { timeout_ms: 10_000 })
    dialer.close()
    assert.equal(text, host.ip)
    outside.kill()
    await outside.exit
  })

  await t.test('the host reaches the guest by its floating address', async () => {
    assert.equal((await host.exec(['ping', '-c2', '-i0.2', '-w10', floating])).code, 0)
  })

  await t.test('the metadata service sees the network and the address of the guest', async () => {
    const dialer = new NamespaceDialer(host.path('/run/netns/gm'))
    const { text } = await fetchWith(dialer, 'http://169.254.169.254/', { timeout_ms: 10_000 })
    dialer.close()
    assert.equal(text, `${network_id} ${guest.address}`)
  })

  await t.test('applying again changes nothing', async () => {
    const look = async () => [
      await host.must(['ovs-vsctl', 'get', 'open', '.', 'next_cfg']),
      await host.must(['ip', '-4', '-o', 'address']),
      await host.must(['nft', 'list', 'ruleset']),
    ]
    const first = await look()
    await order(host, 'PUT', '/apply', wanted)
    assert.deepEqual(await look(), first)
  })

  await t.test('when Open vSwitch makes the external bridge anew, the driver gives it its address back', async () => {
    const repairs = Number(await order(host, 'GET', '/repairs'))
    await stopDaemon(host, 'ovs-vswitchd')
    await host.must(['ip', 'link', 'delete', 'br-ex'])
    await startVswitchd(host)
    await order(host, 'GET', `/repairs/beyond/${repairs}`)
    assert.match(await host.must(['ip', '-o', 'address', 'show', 'br-ex']), new RegExp(`${gateway}/24`))
    assert.equal((await host.exec(['ping', '-c2', '-i0.2', '-w15', floating])).code, 0)
  })

  await t.test('facts name versions and datapath, and warn of what will not work', async () => {
    const facts = (await order(host, 'GET', '/facts')) as Record<string, unknown>
    assert.match(String(facts.ovs_version), /^\d+\.\d+/)
    assert.match(String(facts.ovn_version), /^\d+\.\d+/)
    const kernel = (await host.exec(['ovs-dpctl', 'dump-dps'])).code === 0
    assert.equal(facts.datapath, kernel ? 'system' : 'netdev')
    assert.equal(String(facts.warnings).includes('tunnel NIC'), !kernel)
    await host.must(['nft', 'add', 'table', 'ip', 'docker'])
    await host.must([
      'nft',
      'add',
      'chain',
      'ip',
      'docker',
      'FORWARD',
      '{ type filter hook forward priority 0; policy drop; }',
    ])
    assert.match(JSON.stringify(await order(host, 'GET', '/facts')), /Chain FORWARD of nftables table ip docker drops/)
    await host.must(['nft', 'delete', 'table', 'ip', 'docker'])
  })

  await t.test('an external network that is in use elsewhere on the host is refused', async () => {
    assert.ok(wanted.host)
    const overlapping = { ...wanted.host, external_gateway: '10.210.0.200/25' }
    await assert.rejects(
      order(host, 'PUT', '/apply', { ...wanted, host: overlapping }),
      /overlaps 10\.210\.0\.\d+\/24 of eth0/,
    )
    await order(host, 'PUT', '/apply', wanted)
  })

  await t.test(
    'after a power cut the same order brings everything back, and ports of guests that went with it are gone',
    async () => {
      // As libvirt has it; what somebody else has plugged in is left alone.
      const add = ['--', 'add-port', 'br-int']
      const of_libvirt = ['external_ids:iface-id=lost', `external_ids:vm-id=${network_id}`]
      await host.must(['ip', 'link', 'add', 'vnet7', 'type', 'veth', 'peer', 'name', 'vnet7-in'])
      await host.must(['ovs-vsctl', ...add, 'vnet7', '--', 'set', 'interface', 'vnet7', ...of_libvirt])
      await order(host, 'PUT', '/apply', wanted)
      assert.match(await host.must(['ovs-vsctl', 'list-ports', 'br-int']), /^vnet7$/m)
      await host.powerCut()
      await host.powerOn()
      await startCentral(host)
      await startDriver(host)
      await order(host, 'PUT', '/apply', wanted)
      const ports = await host.must(['ovs-vsctl', 'list-ports', 'br-int'])
      assert.doesNotMatch(ports, /^vnet7$/m)
      assert.match(ports, /^t-gm$/m)
      await startController(host)
      await plug(host, guest)
      await nbctl(host, '--wait=hv', 'sync')
      assert.equal((await host.exec(['ping', '-c2', '-i0.2', '-w15', floating])).code, 0)
      const dialer = new NamespaceDialer(host.path('/run/netns/gm'))
      const { text } = await fetchWith(dialer, 'http://169.254.169.254/', { timeout_ms: 10_000 })
      dialer.close()
      assert.equal(text, `${network_id} ${guest.address}`)
    },
  )

  await t.test('a network without guests loses its namespace', async () => {
    await order(host, 'PUT', '/apply', { ...wanted, networks: [] })
    assert.doesNotMatch(await host.must(['ip', 'netns', 'list']), /croft-md/)
    assert.doesNotMatch(await host.must(['ovs-vsctl', 'list-ports', 'br-int']), /^md/m)
  })

  await t.test('a host that is no longer the way outside forwards nothing', async () => {
    assert.ok(wanted.host)
    await order(host, 'PUT', '/apply', { ...wanted, host: { ...wanted.host, external_gateway: null } })
    assert.doesNotMatch(await host.must(['nft', 'list', 'tables']), /croft/)
    assert.doesNotMatch(await host.must(['ip', '-4', '-o', 'address', 'show', 'br-ex']), /172/)
    assert.equal((await host.must(['cat', '/proc/sys/net/ipv4/ip_forward'])).trim(), '0')
  })

  await t.test('teardown leaves what it found', async () => {
    await host.must(['nft', 'add', 'table', 'inet', 'operators_own'])
    await order(host, 'PUT', '/apply', wanted)
    await stopDaemon(host, 'ovn-controller')
    await order(host, 'POST', '/teardown')
    assert.match(await host.must(['nft', 'list', 'tables']), /^table inet operators_own\s*$/)
    assert.equal((await host.must(['cat', '/proc/sys/net/ipv4/ip_forward'])).trim(), '0')
    assert.equal((await host.must(['ovs-vsctl', 'list-br'])).trim(), '')
    assert.doesNotMatch(await host.must(['ip', 'netns', 'list']), /croft-md/)
  })
})

/** A network with a router to the external one, source NAT, one floating address and the metadata localport. */
async function makeTopology(host: Host, guest: Guest): Promise<void> {
  const rows = `
    ls-add net
    lsp-add net ${guest.name} -- lsp-set-addresses ${guest.name} ${guest.mac}\\ ${guest.address}
    lsp-add net ${metadata_port_id} -- lsp-set-type ${metadata_port_id} localport
    lsp-set-addresses ${metadata_port_id} 52:54:00:00:01:02\\ 10.6.0.2
    lr-add router -- lrp-add router r-net 02:00:00:00:06:01 10.6.0.1/24
    lsp-add net net-r -- lsp-set-type net-r router -- lsp-set-addresses net-r router
    lsp-set-options net-r router-port=r-net
    ls-add outside -- lsp-add outside ln -- lsp-set-type ln localnet -- lsp-set-addresses ln unknown
    lsp-set-options ln network_name=external
    lrp-add router r-out 02:00:00:00:06:02 172.31.240.2/24 -- lrp-set-gateway-chassis r-out all 10
    lsp-add outside out-r -- lsp-set-type out-r router -- lsp-set-addresses out-r router
    lsp-set-options out-r router-port=r-out
    lr-route-add router 0.0.0.0/0 ${gateway}
    lr-nat-add router snat 172.31.240.2 10.6.0.0/24
    lr-nat-add router dnat_and_snat ${floating} ${guest.address}`
  const argv = rows
    .trim()
    .split('\n')
    .flatMap(line => ['--', ...(line.trim().match(/(?:\\ |\S)+/g) ?? [])])
  await nbctl(host, ...argv.slice(1).map(word => word.replaceAll('\\ ', ' ')))
}
