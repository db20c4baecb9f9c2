/** Rules of the address that swallows connections. */
import net from 'node:net'
import { expect, it } from 'vitest'
import { BlackHole } from '../src/index.ts'

it('neither takes nor refuses a connection, while its neighbour on the same port does', async () => {
  await using hole = await BlackHole.open('127.0.0.2')
  const events: string[] = []
  const swallowed = net.connect({ host: '127.0.0.2', port: hole.port })
  swallowed.on('connect', () => events.push('connected')).on('error', (error) => events.push(error.message))
  const server = net.createServer((socket) => socket.destroy())
  const listening = new Promise((resolve) => server.listen(hole.port, '127.0.0.1', () => resolve(undefined)))
  await listening
  const other = net.connect({ host: '127.0.0.1', port: hole.port })
  await new Promise((resolve) => other.once('close', resolve))
  expect(events).toEqual([])
  expect(swallowed.connecting).toBe(true)
  swallowed.destroy()
  server.close()
})
