/**
 * The config drive: an ISO 9660 image labelled config-2 with the OpenStack and EC2 layouts, made anew before each start. Guests
 * without a network (or before it) set themselves up from it.
 */
import { mkdir, mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProgramFailure, runProgram } from '../../../lib/linuxnet/program.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import { Failure, type GuestData } from '../../ports.ts'
import { syncDirectory } from '../state-directory.ts'
import { exists } from '../storage/disk-files.ts'
import { ec2Json, ec2MetaData } from './ec2.ts'
import { openstackFiles, userData } from './openstack.ts'

/** What cloud-init and cloudbase-init look for. */
const versions = ['latest', '2018-08-27', '2015-10-15', '2012-08-10'] as const

/** Path below the drive's root → content. */
export function configDriveFiles(instance: WantedInstance): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  const openstack = openstackFiles(instance)
  for (const version of versions) {
    for (const [name, content] of openstack) files.set(`openstack/${version}/${name}`, content)
  }
  const ec2 = ec2Json(ec2MetaData(instance))
  files.set('ec2/latest/meta-data.json', Buffer.from(JSON.stringify(ec2)))
  const user_data = userData(instance)
  if (user_data !== null) files.set('ec2/latest/user-data', user_data)
  return files
}

const half_made = 'new-'

export function createConfigDrives(directory: string): GuestData {
  const pathOf = (id: string) => join(directory, `${id}.iso`)
  let made: Promise<void> | null = null
  const ready = () =>
    (made ??= makeFolder(directory).catch(error => {
      // A full disk now is no reason to fail for ever.
      made = null
      throw error
    }))
  async function make(instance: WantedInstance): Promise<string> {
    await ready()
    // Made by mkdtemp with mode 0700: user data may hold secrets.
    const work = await mkdtemp(join(directory, half_made))
    try {
      return await build(instance, work, pathOf(instance.id))
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }

  return {
    prepare: instance => (instance.config_drive ? make(instance) : Promise.resolve(null)),
    async prepared(instance) {
      if (!instance.config_drive) return null
      const path = pathOf(instance.id)
      return (await exists(path)) ? path : make(instance)
    },
    async remove(id) {
      await rm(pathOf(id), { force: true })
    },
  }
}

/** Without what an agent that was killed left half made in it: that holds user data, too. */
async function makeFolder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o711 })
  for (const name of await readdir(directory)) {
    if (name.startsWith(half_made)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

async function build(instance: WantedInstance, work: string, path: string): Promise<string> {
  const root = join(work, 'root')
  for (const [name, content] of configDriveFiles(instance)) {
    await mkdir(join(root, name, '..'), { recursive: true })
    await writeFile(join(root, name), content)
  }
  const iso = join(work, 'drive.iso')
  try {
    const naming = ['-J', '-r', '-V', 'config-2', '-l', '-allow-lowercase', '-allow-multidot']
    await runProgram(['genisoimage', '-quiet', ...naming, '-o', iso, root])
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error
    const full = error.stderr.includes('No space left')
    throw new Failure(
      full ? "The host's disk is full, so the config drive could not be made." : `The config drive: ${error.message}`,
      { cause: error },
    )
  }
  const handle = await open(iso, 'r+')
  try {
    await handle.chmod(0o600)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(iso, path)
  await syncDirectory(join(path, '..'))
  return path
}
