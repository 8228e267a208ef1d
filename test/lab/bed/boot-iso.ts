/** A CD-ROM image that a PC BIOS starts and that says so on the serial console: GRUB alone, made in a moment, 480 kB. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { must } from './run.ts'

const says = 'CD-ROM STARTED'
export const isoSays = /CD-ROM STARTED/

/** Makes it in the folder; gives its path. */
export async function makeBootIso(dir: string): Promise<string> {
  const root = path.join(dir, 'iso')
  const config = path.join(dir, 'iso.cfg')
  const iso = path.join(dir, 'boot.iso')
  await mkdir(path.join(root, 'boot'), { recursive: true })
  const script = ['serial --unit=0 --speed=115200', 'terminal_output serial', `echo ${says}`, 'sleep 3600', '']
  await writeFile(config, script.join('\n'))
  const core = ['--format=i386-pc-eltorito', `--output=${path.join(root, 'boot/grub.img')}`, '--prefix=/boot']
  await must([
    'grub-mkimage',
    ...core,
    `--config=${config}`,
    'biosdisk',
    'iso9660',
    'serial',
    'terminal',
    'echo',
    'sleep',
  ])
  // El Torito's way of a GRUB core: no disk is emulated, and where it lies on the CD is written into it.
  const boot = ['-b', 'boot/grub.img', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table']
  await must(['genisoimage', '-quiet', '-V', 'CROFT-TEST', ...boot, '-o', iso, root])
  return iso
}
