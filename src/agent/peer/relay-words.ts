/** What an agent and its relay process say to each other, over Node's IPC. Both are of one installation: nothing is checked. */
import type { PeerTls } from './tls.ts'

/** Paths of the sockets that libvirt's processes listen on (target), or are told to dial (source). */
export interface Sockets {
  readonly memory: string
  readonly disks: string
}

/** A file that is to come: where to, and how large it can be. */
export interface ComingFile {
  readonly path: string
  readonly bytes_max: number
}

export interface Coming {
  readonly migration: string
  readonly peer_host_id: string
  readonly secret: string
  readonly sockets: Sockets
}

export type RelayOrder =
  | { readonly do: 'listen'; readonly tls: PeerTls; readonly address: string; readonly port: number }
  | { readonly do: 'expect'; readonly coming: Coming }
  | { readonly do: 'files'; readonly migration: string; readonly files: Readonly<Record<string, ComingFile>> }
  | { readonly do: 'dismiss'; readonly migration: string }
  | {
      readonly do: 'dial'
      readonly tls: PeerTls
      readonly host: string
      readonly port: number
      readonly coming: Coming
      /** Whom the sockets are for. */
      readonly owner: { readonly uid: number; readonly gid: number }
    }
  | { readonly do: 'send_file'; readonly volume_id: string; readonly path: string; readonly rate_max: number | null }
  | { readonly do: 'say'; readonly session: number; readonly text: string }
  | { readonly do: 'hang_up'; readonly session: number }
  /** Whether neither the agent's end nor the session's is to end the streams of this move: its memory is in two places at once, or may be. */
  | { readonly do: 'outlive'; readonly migration: string; readonly lasting: boolean }

export type RelayWord =
  | { readonly on: 'listening'; readonly port: number }
  | { readonly on: 'session'; readonly session: number; readonly migration: string }
  | { readonly on: 'heard'; readonly session: number; readonly text: string }
  | { readonly on: 'closed'; readonly session: number; readonly reason: string | null }
  | { readonly on: 'file'; readonly migration: string; readonly volume_id: string; readonly error: string | null }
  | { readonly on: 'file_bytes'; readonly volume_id: string; readonly bytes: number }
  | { readonly on: 'failed'; readonly reason: string }
