/** Opens the event stream on a socket of its own; what comes is the caller's to read, as bytes. */
import { connect, type Socket } from 'node:net'

/** Resolves when the stream has begun: what happens from then on is heard. `query` as the route takes it. */
export function openEventStream(url: string, token: string, query: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url)
  const head = [
    `GET /v1/event-stream?${query} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${token}`,
    'accept: text/event-stream',
  ]
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.once('error', reject)
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.once('data', (answer: Buffer) => {
      const text = answer.toString('latin1')
      if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(`the event stream was refused: ${text}`))
      socket.off('error', reject)
      // Its end shows as a figure that never comes; say why.
      socket.on('error', error => console.error('an event stream broke:', error.message))
      resolve(socket)
    })
  })
}
