/** Server-sent events (HTML Living Standard, 9.2) from bytes: no more of the format than a JSON stream with cursors needs. */

export interface ServerSentEvent {
  /** Undefined when the block had none. */
  id: string | undefined
  event: string
  /** Empty for a block that only moves the cursor. */
  data: string
}

const line_length_max = 16 * 1024 * 1024

/** Blocks as they end. A block that is cut off by the end of the stream is dropped, as the standard says. */
export async function* readEventStream(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  let block: { id?: string; event: string; data: string[] } = { event: 'message', data: [] }
  let rest = ''
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    if (rest.length > line_length_max) throw new Error('A line of the event stream is longer than 16 MiB.')
    for (const line of lines) {
      if (line !== '') {
        takeLine(block, line)
        continue
      }
      if (block.data.length > 0 || block.id !== undefined) {
        yield { id: block.id, event: block.event, data: block.data.join('\n') }
      }
      block = { event: 'message', data: [] }
    }
  }
}

function takeLine(block: { id?: string; event: string; data: string[] }, line: string): void {
  const colon = line.indexOf(':')
  if (colon === 0) return
  const field = colon < 0 ? line : line.slice(0, colon)
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
  if (field === 'id') block.id = value
  else if (field === 'event') block.event = value
  else if (field === 'data') block.data.push(value)
}
