/** Which machine this is, whatever its name and addresses are today. */
import { readFile } from 'node:fs/promises'

/** systemd's machine id (machine-id(5)): the same over reinstallations of Croft, another for each machine. */
export async function machineId(): Promise<string> {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id', '/sys/class/dmi/id/product_uuid']) {
    const text = await readFile(path, 'utf8').catch((): string => '')
    if (text.trim() !== '') return text.trim().toLowerCase()
  }
  throw new Error('This machine has no identity: /etc/machine-id is empty. Run systemd-machine-id-setup.')
}
