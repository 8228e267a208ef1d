/**
 * A program to supervise in tests: says hello, listens on a Unix socket, and misbehaves as asked.
 *
 *   stand-in.ts --socket PATH [--deaf] [--dies-first-times N --counter FILE] [--with-child FILE]
 *
 * --deaf ignores SIGTERM; --dies-first-times ends with code 3 before listening, N times by the count in FILE;
 * --with-child starts a sleeping child and writes its process id to FILE.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    socket: { type: 'string', default: '' },
    deaf: { type: 'boolean', default: false },
    'dies-first-times': { type: 'string', default: '0' },
    counter: { type: 'string', default: '' },
    'with-child': { type: 'string', default: '' },
  },
})
console.log(`stand-in ${process.pid} says hello`)
if (values.counter) {
  appendFileSync(values.counter, 'x')
  if (statSync(values.counter).size <= Number(values['dies-first-times'])) {
    console.error('stand-in has had enough')
    process.exit(3)
  }
}
if (values['with-child']) {
  const child = spawn('sleep', ['300'], { stdio: 'ignore' })
  writeFileSync(values['with-child'], String(child.pid))
}
if (values.deaf) process.on('SIGTERM', () => console.log('deaf to SIGTERM'))
if (existsSync(values.socket)) rmSync(values.socket)
const server = net.createServer(connection => {
  // Who only looks whether somebody answers does not wait for what is said.
  connection.on('error', () => undefined)
  connection.end(String(process.pid))
})
server.listen(values.socket)
