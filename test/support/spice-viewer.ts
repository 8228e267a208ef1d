/** Stands in for remote-viewer in tests: opens the SPICE that a file of settings names, types into the guest, and ends. */
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { SpiceChannelClient, spiceChannel } from './spice.ts'

const settings = await readFile(process.argv[2] ?? '', 'utf8')
const socket_path = /^unix-path=(.+)$/m.exec(settings)?.[1]
if (!socket_path) throw new Error(`no socket in ${settings}`)
const main = await SpiceChannelClient.open(connect(socket_path), spiceChannel.main, 0)
const session = await main.session()
const inputs = await SpiceChannelClient.open(connect(socket_path), spiceChannel.inputs, session)
await inputs.type('\ntee /dev/ttyS0\ntyped by spice\n')
main.close()
inputs.close()
