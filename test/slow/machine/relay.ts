/** Run inside a machine's network: brings connections to 127.0.0.1:PORT to a Unix socket outside.  relay.ts PORT SOCKET */
import net from 'node:net'

const [port, socket = ''] = process.argv.slice(2)
net
  .createServer(client => {
    const out = net.connect(socket)
    client.pipe(out).pipe(client)
    client.on('error', () => out.destroy())
    out.on('error', () => client.destroy())
  })
  .listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
