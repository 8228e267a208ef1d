/** A guest's live consoles: its serial line by libvirt's stream, its screen by QEMU's VNC or SPICE on a UNIX socket. Part of the hypervisor port. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { consoleFlag, isOperationInvalid, Libvirt } from '../../../lib/libvirt/index.ts'
import { Away, Failure, type Hypervisor, type Log } from '../../ports.ts'
import { socketOf } from './graphics.ts'

interface Parts {
  /** libvirtd's socket. */
  path: string
  log: Log
  mayTouch: (libvirt: Libvirt, id: string) => Promise<boolean>
  look: <T>(what: string, call: (libvirt: Libvirt) => Promise<T>) => Promise<T>
}

/** A guest may take what was typed after hours. */
const patience_ms = 24 * 3600 * 1000

export function guestConsoles({ path, log, mayTouch, look }: Parts): Pick<Hypervisor, 'openConsole' | 'openGraphics'> {
  return {
    // A connection of its own: a slow reader holds up only itself. Without pings: libvirtd reads no more of a connection while the guest does not
    // read what was typed, nor pings and answers to its own, and each end would take the other for dead after half a minute.
    async openConsole(id) {
      const libvirt = await Libvirt.connect({ path, keepalive_interval_ms: 0 }).catch(error => {
        throw new Away('libvirtd does not answer', { cause: error })
      })
      try {
        if (!(await mayTouch(libvirt, id))) throw new Failure('The guest is not running, so it has no console.')
        const stream = await libvirt.guest.openConsole({ uuid: id }, null, consoleFlag.force)
        stream.once('close', () => {
          libvirt.close().catch(error => log.debug({ error }, 'a console’s connection did not close well'))
        })
        // What is asked on its connection is read by libvirtd behind what was typed.
        return Object.assign(stream, { taken: () => libvirt.host.hostname({ timeout_ms: patience_ms }) })
      } catch (error) {
        await libvirt.close()
        if (isOperationInvalid(error)) throw new Failure('The guest is not running, so it has no console.')
        throw error
      }
    },

    async openGraphics(id, kind) {
      const socket_path = await look('looking for the screen', async libvirt => {
        if (!(await mayTouch(libvirt, id))) throw new Failure('The guest is not running, so it has no screen.')
        const xml = await libvirt.domains.xml({ uuid: id })
        if (!/<domain [^>]*\bid=/.test(xml)) throw new Failure('The guest is not running, so it has no screen.')
        return socketOf(xml, kind)
      })
      if (socket_path === null) {
        if (kind === 'spice') throw new Failure(spiceMissing)
        throw new Failure('The guest was started without a graphics device. Stop it and start it once, and it has one.')
      }
      const socket = connect(socket_path)
      try {
        await once(socket, 'connect')
      } catch (error) {
        throw new Failure('The guest’s screen cannot be reached; it may just have stopped.', {
          passing: true,
          cause: error,
        })
      }
      return socket
    },
  }
}

const spiceMissing =
  'The guest was started without SPICE. Stop it and start it once; if that does not help, its host has no SPICE.'
