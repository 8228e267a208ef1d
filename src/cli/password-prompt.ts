/** A password from a terminal, without echo, or from standard input when that is no terminal. */
import { createInterface } from 'node:readline'
import { CommandFailed, UsageError } from './failure.ts'

const enter = ['\r', '\n']
const [ctrl_c, ctrl_d, ctrl_u, backspace, rubout] = ['\x03', '\x04', '\x15', '\b', '\x7f']

/** Throws UsageError when there is none, CommandFailed 'interrupted' on Ctrl-C. */
export async function readPassword(question: string): Promise<string> {
  const password = process.stdin.isTTY ? await fromTerminal(question) : await firstLine()
  if (password === '') throw new UsageError('No password was given. Type it, or send it as a line on standard input.')
  return password
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line
  return ''
}

function fromTerminal(question: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(question)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  return new Promise((resolve, reject) => {
    let text = ''
    const end = (settle: () => void) => {
      stdin.off('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      settle()
    }
    const take = (typed: string) => {
      for (const key of typed) {
        if (enter.includes(key) || key === ctrl_d) return end(() => resolve(text))
        if (key === ctrl_c) return end(() => reject(new CommandFailed('interrupted', 'Not signed in.')))
        if (key === backspace || key === rubout) text = Array.from(text).slice(0, -1).join('')
        else if (key === ctrl_u) text = ''
        else text += key
      }
    }
    stdin.on('data', take)
  })
}
