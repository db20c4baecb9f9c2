/** The pool with connections in it, over real sockets. */
import { echo, ScriptedPeer } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { connect, Pool } from '../../src/index.ts'
import type { Connection } from '../../src/index.ts'
import { bytesOf, rejectionOf, textOf } from '../support.ts'

function connectionPool(port: number, max: number): Pool<Connection> {
  return new Pool({
    create: (signal) => connect({ host: '127.0.0.1', port, hello: false, signal }),
    destroy: (connection) => connection.close(),
    isUsable: (connection) => connection.isOpen,
    max,
  })
}

it('leases connections, replaces those that died, and closes them all', async () => {
  await using peer = await ScriptedPeer.listen(echo)
  const pool = connectionPool(peer.port, 2)
  const ask = async (text: string): Promise<string> => {
    await using lease = await pool.acquire()
    return textOf(await lease.item.request(1, bytesOf(text)))
  }
  expect(await Promise.all(['a', 'b', 'c', 'd', 'e'].map(ask))).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(peer.connections).toHaveLength(2)
  for (const connection of peer.connections) connection.reset()
  // A reset may be noticed only behind the lease; two at most are spent on the two that died.
  await Promise.allSettled([ask('f'), ask('g')])
  expect(await ask('h')).toBe('h')
  const ends = peer.connections.map((connection) => connection.closed())
  await pool.close()
  await Promise.all(ends)
  expect(pool.stats).toEqual({ size: 0, leased: 0, creating: 0, waiting: 0 })
})

it('stops connecting when it closes', async () => {
  await using peer = await ScriptedPeer.listen()
  const pool = new Pool({
    create: (signal) => connect({ host: '127.0.0.1', port: peer.port, signal }),
    destroy: (connection) => connection.close(),
  })
  // It says HELLO and waits for a WELCOME that never comes.
  const call = rejectionOf(pool.acquire())
  const server = await peer.nextConnection()
  const ended = server.closed()
  await pool.close()
  expect(await call).toMatchObject({ code: 'POOL_CLOSED' })
  await ended
})
