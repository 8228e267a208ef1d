/** Only hosts that run guests as the image wants it: its property 'virtualisation' is 'kvm' or 'tcg'. */
import type { Filter } from '../filter.ts'

export const virtualisation: Filter = {
  fault: 'another kind of virtualisation',
  remedy: 'choose another image, or add a host with its kind of virtualisation',
  remedy_elsewhere: 'add a host with its kind of virtualisation',
  applies: asked => asked.virtualisation !== undefined,
  refuses: (host, _, asked) => asked.virtualisation !== host.virtualisation,
  why: (host, _, asked) => `runs guests by ${host.virtualisation}, the image needs ${asked.virtualisation}`,
}
