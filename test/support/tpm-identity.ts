/** Which TPM a file of swtpm's state is: the public part of a key that TPM 2.0 derives from its own seed, always the same of one TPM. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
const sized = (part: Buffer) => Buffer.concat([u16(part.length), part])

/** TPM2_CreatePrimary (TPM 2.0 library, part 3, 24.1): an ECDSA key on P-256 of the owner's hierarchy, without a password. */
function createPrimary(): Buffer {
  const algorithm = { ecc: 0x0023, sha256: 0x000b, none: 0x0010, ecdsa: 0x0018, p256: 0x0003 }
  const session = Buffer.concat([u32(0x40000009), u16(0), Buffer.from([0]), u16(0)])
  const attributes = u32(0x00040072)
  const scheme = [u16(algorithm.none), u16(algorithm.ecdsa), u16(algorithm.sha256), u16(algorithm.p256)]
  const area = [u16(algorithm.ecc), u16(algorithm.sha256), attributes, u16(0), ...scheme, u16(algorithm.none)]
  const point = [u16(0), u16(0)]
  const parts = [
    u32(0x40000001),
    u32(session.length),
    session,
    sized(Buffer.concat([u16(0), u16(0)])),
    sized(Buffer.concat([...area, ...point])),
    u16(0),
    u32(0),
  ]
  const body = Buffer.concat(parts)
  return Buffer.concat([u16(0x8002), u32(10 + body.length), u32(0x131), body])
}

/** Works on a copy of the file: a TPM that is looked at is none that has run on. */
export async function tpmIdentity(file: string): Promise<string> {
  const dir = await scratch('croft-tpm')
  try {
    await mkdir(join(dir, 'state'))
    await copyFile(file, join(dir, 'state', 'tpm2-00.permall'))
    const state = ['--tpmstate', `dir=${join(dir, 'state')}`, '--flags', 'not-need-init,startup-clear']
    const swtpm = spawn('swtpm', ['socket', '--tpm2', ...state, '--server', 'type=tcp,fd=3'], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    })
    const line = swtpm.stdio[3]
    assert.ok(line && 'write' in line && 'read' in line)
    const ended = once(swtpm, 'exit')
    line.write(createPrimary())
    const [answer] = (await Promise.race([once(line, 'data'), ended])) as [unknown]
    swtpm.kill()
    await ended
    assert.ok(Buffer.isBuffer(answer), 'the TPM answers')
    assert.equal(answer.readUInt32BE(6), 0, `the TPM makes a key: ${answer.toString('hex')}`)
    // After header (10), handle (4) and the parameters' length (4) comes the public part, with its length before it.
    const length = answer.readUInt16BE(18)
    return answer.subarray(20, 20 + length).toString('hex')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
