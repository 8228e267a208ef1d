/** What a guest's screen is reached by, as libvirt's XML has it; and what of that this host's libvirt and QEMU can do. Pure. */
import type { Graphics } from '../../../model/graphics.ts'
import { element, type Element } from './xml.ts'

export interface GraphicsAbilities {
  /** Debian's QEMU has SPICE, Red Hat's has not any more. */
  readonly spice: boolean
  /** QEMU's own end of a guest's clipboard (QEMU 6.1, libvirt 8.4), without SPICE. */
  readonly clipboard: boolean
  /** A virtio video card. */
  readonly virtio_video: boolean
}

/** From libvirt's domain capabilities (libvirt.org/formatdomaincaps.html), and versions such as 9.0.0. */
export function abilitiesOf(
  capabilities: string,
  { libvirt, qemu }: { readonly libvirt: string; readonly qemu: string },
): GraphicsAbilities {
  const lists = (device: string, value: string) => {
    const found = new RegExp(`<${device} supported='yes'>[^]*?</${device}>`).exec(capabilities)?.[0]
    return found?.includes(`<value>${value}</value>`) ?? false
  }
  return {
    spice: lists('graphics', 'spice'),
    virtio_video: lists('video', 'virtio'),
    // libvirt 9.0 has it and does not say so.
    clipboard: lists('channel', 'qemu-vdagent') || (isSince(libvirt, 8, 4) && isSince(qemu, 6, 1)),
  }
}

function isSince(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number)
  return first > major || (first === major && second >= minor)
}

/** What is wanted, as far as the host can do it: a guest that runs without is better than none. */
export function possible(wanted: Partial<Graphics>, can: GraphicsAbilities): Graphics {
  const { graphics = 'vnc', clipboard = 'none', video_model = 'vga' } = wanted
  const spice = graphics === 'spice' && can.spice
  return {
    graphics: spice ? 'spice' : 'vnc',
    clipboard: spice || can.clipboard ? clipboard : 'none',
    video_model: can.virtio_video ? video_model : 'vga',
  }
}

/**
 * The screens, and the line to the guest's spice-vdagent. VNC is always there. Where both listen is libvirt's choice: in a folder that
 * the user QEMU runs as may write to and that its AppArmor profile names.
 */
export function graphicsDevices({ graphics = 'vnc', clipboard = 'none' }: Partial<Graphics>): Element[] {
  const listen = element('listen', { type: 'socket' })
  const copypaste = clipboard === 'shared' ? 'yes' : 'no'
  const agent = element('target', { type: 'virtio', name: 'com.redhat.spice.0' })
  // Nobody is thrown out because another comes.
  const vnc = element('graphics', { type: 'vnc', sharePolicy: 'ignore' }, listen)
  if (graphics === 'spice') {
    return [
      vnc,
      element(
        'graphics',
        { type: 'spice' },
        listen,
        element('clipboard', { copypaste }),
        // Files have better ways in, which are seen.
        element('filetransfer', { enable: 'no' }),
      ),
      // A guest has one such line, and SPICE's own end of it also sets the screen's size: the clipboard is then SPICE's alone.
      element('channel', { type: 'spicevmc' }, agent),
    ]
  }
  if (clipboard === 'none') return [vnc]
  const source = element('source', {}, element('clipboard', { copypaste }), element('mouse', { mode: 'server' }))
  return [vnc, element('channel', { type: 'qemu-vdagent' }, source, agent)]
}

/** Where QEMU listens, in a running domain's XML; null when it does not, or only where others could reach it. */
export function socketOf(xml: string, kind: 'vnc' | 'spice'): string | null {
  const graphics = [...xml.matchAll(/<graphics type='(\w+)'[^]*?(?:\/>|<\/graphics>)/g)].find(
    ([, type]) => type === kind,
  )?.[0]
  return (graphics && /\bsocket='([^']+)'/.exec(graphics)?.[1]) ?? null
}
