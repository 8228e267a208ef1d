/** Makes the folders of this machine, and keeps what was said on the command line for the runs to come. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { stringify } from 'yaml'
import { type Config, type ConfigFile, loadConfigFile } from '../config.ts'

export async function keepSettings(config: Config, said: ConfigFile): Promise<void> {
  await mkdir(config.state_dir, { recursive: true, mode: 0o711 })
  await mkdir(config.run_dir, { recursive: true, mode: 0o711 })
  await mkdir(config.log_dir, { recursive: true, mode: 0o750 })
  const kept = Object.entries(said).filter(([key, value]) => key !== 'state_dir' && value !== undefined)
  if (kept.length === 0) return
  await mkdir(path.dirname(config.config_file), { recursive: true })
  const text = stringify({ ...loadConfigFile(config.config_file), ...Object.fromEntries(kept) })
  await writeFile(config.config_file, `# Written by Croft; change it, then run croft up again.\n${text}`, {
    mode: 0o600,
  })
}
