/**
 * Owns the process of the hand-written peer: listens on a free port of 127.0.0.1 and prints it.
 * Must not know: frames.
 */
import net from 'node:net'
import process from 'node:process'
import { serve } from './serve.mjs'

const server = net.createServer(serve)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`)
})
