/** Lines of text on a socket, bounded. */
import type { Socket } from 'node:net'

const line_max = 8 * 1024 * 1024

/** `take` is called with each; when it throws, the socket is closed. */
export function eachLine(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    try {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > line_max) throw new Error('a line without end')
      for (const line of lines) take(line)
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  })
}
