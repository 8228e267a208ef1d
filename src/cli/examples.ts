/** Command lines to begin with, shown at the end of the help of what they are about. Held to the contract by a test. */

/** For the help of `croft` itself. */
export const first_examples: readonly string[] = [
  'croft up                                   a cloud of this machine, with a first guest',
  'croft instance create web --image tiny --flavor small --wait',
  'croft instance list',
  'croft instance ssh web',
  'croft instance create --help               what else can be said, and which permission it needs',
]

/** By noun and verb. */
export const examples: Readonly<Record<string, readonly string[]>> = {
  'instance create': [
    'croft instance create web --image tiny --flavor small --wait',
    'croft instance create node --image debian-12 --flavor small --count 3 --user-data setup.sh --tag tier=worker',
    'croft instance create web --image tiny --flavor small --dry-run        where it would run, and what it takes',
    'croft instance create db --image debian-12 --flavor medium --network default,fixed-address=10.64.0.5',
  ],
  'instance-group create': [
    'croft instance-group create db --policy anti-affinity',
    'croft instance create db --image tiny --flavor small --count 3 --group db',
  ],
  'instance list': ['croft instance list --watch', 'croft instance list --deleted', 'croft instance list --json'],
  'instance start': ['croft instance start web db --wait'],
  'instance stop': ['croft instance stop web db --wait'],
  'instance delete': ['croft instance delete web db', 'croft instance delete web --purge --wait'],
  'instance guest': ['croft instance guest web', 'croft instance guest web --applications'],
  'instance explain': ['croft instance explain web'],
  'image create': [
    'croft image create mine --file disk.qcow2 --property os=debian --wait',
    'croft image create debian --source-url https://example.org/debian.qcow2 --sha256 … --wait',
  ],
  'key-pair create': ['croft key-pair create me --file ~/.ssh/id_ed25519.pub'],
  'network create': ['croft network create blue', 'croft subnet create blue-4 --network blue --cidr 10.9.0.0/24'],
  'subnet create': [
    'croft subnet create blue-4 --network blue --cidr 10.9.0.0/24 --dns 10.9.0.2',
    'croft router add-interface default --subnet blue-4',
  ],
  'router create': ['croft router create edge --external-network external'],
  'router add-interface': ['croft router add-interface default --subnet blue-4'],
  'floating-ip create': ['croft floating-ip create --instance web'],
  'volume create': ['croft volume create data --size-gib 20'],
  'host invite': ['croft host invite        its answer holds the command for the new host'],
  'host evacuate': ['croft host evacuate h1        once it is fenced, by hand: croft host fence h1 --confirm-off'],
  'host remove': [
    'croft host remove h1 --lost',
    'croft host remove h1 --lost --gives-up 3        what it has said would be lost',
  ],
  'role-grant create': ['croft role-grant create --user me --role member --project web'],
  'quota set': ['croft quota set project web --instances 20 --no-vcpus'],
  'quota get': ['croft quota get --domain default'],
  'setting set': ['croft setting set instance.stop_timeout_s 120', 'croft setting list        what there is to set'],
  'api-key create': ['croft api-key create ci'],
  'event list': ['croft event list --watch'],
  'operation get': ['croft operation get 01a1fcc0-4033-7f69-b3d5-4fa84ce5ab47 --watch'],
}

/** To stand behind the help; empty where there are none. */
export function examplesText(lines: readonly string[] | undefined): string {
  return lines === undefined ? '' : `\nExamples:\n${lines.map(line => `  ${line}\n`).join('')}`
}
