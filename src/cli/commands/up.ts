/** `croft up`: makes a cloud of this machine. */
import type { Command } from 'commander'
import type { ConfigFile } from '../../config.ts'
import { localAdmin } from '../../host/local-admin.ts'
import { planUp, type UpResult, up } from '../../host/up.ts'
import { configOf, type PlaceOptions, placeOptions, progressHere, tellFailure } from './machine.ts'

type Options = PlaceOptions & {
  dryRun?: boolean
  guest: boolean
  listen?: string
  agentListen?: string
  clusterAddress?: string
  tunnelNic?: string
  database?: string
  externalGateway?: string
  ovnCentral?: string
}

export function register(program: Command): void {
  const command = program
    .command('up')
    .description(
      'Make a cloud of this machine, or bring it back up. Looks before each step and does only what is missing: harmless to run again. What is said here is kept for the next time.',
    )
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--no-guest', 'make no networks, image and first guest')
    .option('--listen <address:port>', 'where API and UI listen (default: 127.0.0.1:7070; beyond loopback with TLS)')
    .option('--agent-listen <address:port>', "where hosts' agents dial in (default: port 7071)")
    .option(
      '--cluster-address <address>',
      'address of this machine on the network between hosts, to have more than one',
    )
    .option('--tunnel-nic <name>', 'the NIC between hosts: needed where the kernel has no Open vSwitch module')
    .option('--database <url>', 'a PostgreSQL of your own, 15 or newer: postgresql://user:password@host/name')
    .option(
      '--ovn-central <address>',
      "be a further controller of a cloud and nothing else; OVN's databases are there: the --cluster-address of its first machine",
    )
    .option('--external-gateway <address/prefix>', 'the network of floating addresses, and this machine in it')
  placeOptions(command).action((options: Options) => tellFailure(() => run(options)))
}

async function run(options: Options): Promise<void> {
  const said = saidOf(options)
  const config = configOf(options, said)
  if (options.dryRun) {
    for (const line of await planUp({ config, guest: options.guest })) process.stdout.write(`${line}\n`)
    return
  }
  const progress = progressHere()
  const result = await up({ config, said, guest: options.guest }, progress.step)
  process.stdout.write(goodbye(result))
  // Shown, so it need not lie on disk any more.
  if (result.password !== undefined) await (await localAdmin(config)).forgetPassword()
}

function saidOf(options: Options): ConfigFile {
  const { listen, agentListen, clusterAddress, tunnelNic, database, externalGateway, ovnCentral } = options
  return {
    ...(listen === undefined ? {} : { listen }),
    ...(agentListen === undefined ? {} : { agent_listen: agentListen }),
    ...(clusterAddress === undefined ? {} : { cluster_address: clusterAddress }),
    ...(tunnelNic === undefined ? {} : { tunnel_nic: tunnelNic }),
    ...(database === undefined ? {} : { database_url: database }),
    ...(ovnCentral === undefined ? {} : { ovn_central: ovnCentral }),
    ...(externalGateway === undefined ? {} : { external_gateway: externalGateway }),
  }
}

function goodbye({ url, password, guest, key_file, further }: UpResult): string {
  if (further)
    return `\nThis machine is a controller of the cloud now.\n\n  web UI    ${url}/\n  API       ${url}/v1/\n\nAll that there are: croft controller list\n\n`
  const lines = ['', 'The cloud is up.', '', `  web UI    ${url}/`, `  API       ${url}/v1/`]
  if (password !== undefined)
    lines.push(
      '',
      '  user      admin',
      `  password  ${password}`,
      '',
      'The password is shown this once. Change it when you like.',
    )
  lines.push('', 'What to try next:')
  if (guest && key_file !== undefined)
    lines.push(`  ssh -i ${key_file} root@${guest.address}`, `  ./croft instance log ${guest.name}`)
  lines.push(
    '  ./croft instance create mine --image tiny --flavor small --wait',
    '  ./croft --help',
    '  ./croft down      (stops all but guests; --guests stop stops them, too)',
    '',
  )
  return `${lines.join('\n')}\n`
}
