/**
 * Power by IPMI 2.0 over the network (RMCP+), through ipmitool. Its password goes in by the environment, which only the same
 * user can read, and never on the command line, which everybody can.
 */
import { isErrno, lastLines, plain_env, run } from '../../lib/process.ts'
import { type Bmc, FenceFailed, type FencingDriver, type Power } from './fence.ts'

const port_default = 623

/**
 * -N 1 -R 1: one second for an answer and one more try. With ipmitool's own values a BMC that is gone costs twenty seconds,
 * and each call to one that is there ten, since the suites that it lacks are tried first.
 */
export function ipmitoolArguments(bmc: Bmc, command: readonly string[]): string[] {
  const { address, port, user, cipher_suite } = bmc
  const where = ['-I', 'lanplus', '-H', address, '-p', String(port ?? port_default)]
  return [...where, '-U', user, '-E', '-C', String(cipher_suite), '-N', '1', '-R', '1', ...command]
}

async function ask(bmc: Bmc, command: readonly string[], timeout_ms: number): Promise<string> {
  const argv = ['ipmitool', '-v', ...ipmitoolArguments(bmc, command)]
  const env = { ...plain_env, IPMI_PASSWORD: bmc.password, IPMITOOL_PASSWORD: bmc.password }
  let result
  try {
    result = await run(argv, { env, timeout_ms })
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw cause
    throw new FenceFailed('failed', 'ipmitool is not installed on the controller: apt-get install ipmitool.', { cause })
  }
  if (result.signal)
    throw new FenceFailed('silent', `The BMC at ${bmc.address} did not answer within ${timeout_ms} ms.`)
  if (result.code !== 0) throw failure(bmc, `${result.stderr}\n${result.stdout}`)
  return result.stdout
}

/** What ipmitool writes for each, version 1.8.18 to 1.8.19. */
const refusals: readonly [RegExp, string][] = [
  [/unauthorized name/i, 'it does not know the user'],
  [/HMAC is invalid|invalid integrity check/i, 'the password is wrong'],
  [/unauthorized role|insufficient privilege/i, 'the user may not change the power (give it the role operator)'],
  [
    /invalid authentication algorithm|no (matching )?cipher suite|invalid (integrity|confidentiality) algorithm/i,
    'it does not take this cipher suite',
  ],
]

function failure(bmc: Bmc, said: string): FenceFailed {
  const refusal = refusals.find(([form]) => form.test(said))
  if (refusal) return new FenceFailed('refused', `The BMC at ${bmc.address} refuses: ${refusal[1]}.`)
  if (/could not resolve|address lookup|name or service/i.test(said))
    return new FenceFailed('refused', `The name ${bmc.address} of the BMC is not known.`)
  if (/unable to establish|timeout|no response/i.test(said))
    return new FenceFailed('silent', `The BMC at ${bmc.address} does not answer.`)
  return new FenceFailed('failed', `The BMC at ${bmc.address}: ${lastLines(said, 1).slice(0, 200)}`)
}

export const ipmi: FencingDriver = {
  async power(bmc, timeout_ms): Promise<Power> {
    const said = await ask(bmc, ['chassis', 'power', 'status'], timeout_ms)
    const state = /Chassis Power is (on|off)/i.exec(said)?.[1]?.toLowerCase()
    if (state === 'on' || state === 'off') return state
    throw new FenceFailed('failed', `The BMC at ${bmc.address} does not say whether the power is on.`)
  },
  async cut(bmc, timeout_ms) {
    await ask(bmc, ['chassis', 'power', 'off'], timeout_ms)
  },
}
