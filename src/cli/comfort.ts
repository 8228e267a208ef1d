/** The list of what is hand-made; each part is loaded when it is asked for. */
import type { Command } from 'commander'
import type { Comfort, Shop } from './shop.ts'

export interface HandMade {
  name: string
  summary: string
  group: string
  /** Adds the command, whole. */
  load(program: Command, shop: Shop): Promise<void>
}

const here = 'This machine:'
const you = 'You:'

export const handMade: readonly HandMade[] = [
  {
    name: 'up',
    summary: 'make a cloud of this machine, or bring it back up',
    group: here,
    load: async program => (await import('./commands/up.ts')).register(program),
  },
  {
    name: 'start',
    summary: 'start what this machine already is, as after a boot',
    group: here,
    load: async program => (await import('./commands/start.ts')).register(program),
  },
  {
    name: 'restart',
    summary: 'have the controller or the agent of this machine begin anew, for a new version',
    group: here,
    load: async program => (await import('./commands/restart.ts')).register(program),
  },
  {
    name: 'down',
    summary: 'stop what `croft up` started; nothing is deleted',
    group: here,
    load: async program => (await import('./commands/down.ts')).register(program),
  },
  {
    name: 'doctor',
    summary: 'look at this machine: can it be a host, what is wrong, how to mend it',
    group: here,
    load: async program => (await import('./commands/doctor.ts')).register(program),
  },
  {
    name: 'sign-in',
    summary: 'sign in with a password; later commands act as you',
    group: you,
    load: async (program, shop) => (await import('./commands/session.ts')).registerSignIn(program, shop),
  },
  {
    name: 'sign-out',
    summary: 'sign out; the token is good for nothing then',
    group: you,
    load: async (program, shop) => (await import('./commands/session.ts')).registerSignOut(program, shop),
  },
  {
    name: 'whoami',
    summary: 'who you are, where, and what you may do',
    group: you,
    load: async (program, shop) => (await import('./commands/session.ts')).registerWhoami(program, shop),
  },
  {
    name: 'search',
    summary: 'find things of every kind: by name, id, address or MAC',
    group: you,
    load: async (program, shop) => (await import('./commands/search.ts')).register(program, shop),
  },
  {
    name: 'completion',
    summary: 'completion for bash, zsh or fish: eval "$(croft completion bash)"',
    group: you,
    load: async program => (await import('./commands/completion.ts')).register(program),
  },
]

const comforts: Readonly<Record<string, () => Promise<{ comfort: Comfort }>>> = {
  instance: () => import('./commands/instance.ts'),
  placement: () => import('./commands/placement.ts'),
  'key-pair': () => import('./commands/key-pair.ts'),
  image: () => import('./commands/image.ts'),
  metrics: () => import('./commands/metrics.ts'),
  'image-key': () => import('./commands/image-key.ts'),
  host: () => import('./commands/host.ts'),
  event: () => import('./commands/event.ts'),
  setting: () => import('./commands/setting.ts'),
  'security-group': () => import('./commands/security-group.ts'),
}

export async function comfortOf(noun: string): Promise<Comfort | undefined> {
  return (await comforts[noun]?.())?.comfort
}
