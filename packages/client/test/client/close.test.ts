/** Rules of a client's leases, messages and end. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { createClient, TlsClient } from '../../src/index.ts'
import type { Client, ClientOptions } from '../../src/index.ts'
import { bytesOf, rejectionOf } from '../support.ts'
import { leavesNothing, REFUSED, scene } from './fake-network.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('a lease', () => {
  it('keeps its connection from being closed for idleness, and gives it back on every path', async () => {
    const all = await scene({ pool: { min: 0, idleTimeoutMs: 5000 } })
    const { client, network } = all
    {
      await using lease = await client.acquire()
      expect(lease.item.isOpen).toBe(true)
      await network.pass(20_000)
      expect(network.open.size).toBe(1)
      expect(client.status.leases).toBe(1)
    }
    await network.pass(7000)
    expect(network.open.size).toBe(0)
    await expect(
      (async () => {
        await using lease = await client.acquire()
        throw new Error(lease.item.target)
      })(),
    ).rejects.toThrow('a:1')
    expect(client.status.leases).toBe(0)
    await leavesNothing(all)
  })

  it('may be discarded: its connection is closed once what is in flight is answered', async () => {
    const all = await scene()
    const { client, network } = all
    const answer = client.request(1)
    await network.pass()
    const lease = await client.acquire()
    lease.discard()
    await network.pass(50)
    expect(network.all[0]?.status).toBe('closing')
    expect(network.all).toHaveLength(2)
    network.pending[0]?.resolve(bytesOf(''))
    await answer
    await leavesNothing(all)
  })

  it('is waited for no longer than asked', async () => {
    const all = await scene({}, (network) => network.set('a:1', 'hang'))
    const { client, network } = all
    const usual = rejectionOf(client.acquire())
    const short = rejectionOf(client.acquire({ timeoutMs: 100 }))
    await network.pass(100)
    expect(await short).toMatchObject({ code: 'NO_CONNECTION' })
    await network.pass(2900)
    expect(await usual).toMatchObject({ code: 'NO_CONNECTION' })
    await leavesNothing(all)
  })

  it('that is held too long or lost is told, with the place where it was taken', async () => {
    const all = await scene({ leaseWarnMs: 5000 })
    const { client, network } = all
    const held = await client.acquire()
    await network.pass(6000)
    held.release()
    await (async () => {
      await client.acquire()
    })()
    await network.pass(1000)
    await eventually(
      () => {
        collectGarbage()
        return client.status.leases === 0
      },
      () => 'no lease was lost',
    )
    const warnings = network.events.filter(({ type }) => type.startsWith('lease'))
    expect(warnings).toMatchObject([
      { type: 'lease-held', heldMs: 5000, takenAt: expect.stringContaining('close.test.ts') },
      { type: 'lease-lost', takenAt: expect.stringContaining('close.test.ts') },
    ])
    // Others use the connection: it stays.
    expect(network.open.size).toBe(1)
    await leavesNothing(all)
  })
})

describe('messages', () => {
  it('go to a connection that is there, and fail where none is', async () => {
    const all = await scene()
    const { client, network } = all
    expect(client.send(7)).toBe(true)
    expect(client.sendMsgpack(8, { x: 1 })).toBe(true)
    expect(network.all[0]?.sent).toEqual([7, 8])
    network.set('a:1', REFUSED)
    network.all[0]?.lose()
    const refused = expect.objectContaining({ code: 'NO_CONNECTION' }) as Error
    expect(() => client.send(7)).toThrow(refused)
    await leavesNothing(all)
  })

  it('say when to wait, and drained settles when that is over, whatever becomes of the connection', async () => {
    const all = await scene()
    const { client, network } = all
    const [connection] = network.all
    if (connection !== undefined) connection.takesMore = false
    expect(client.send(7)).toBe(false)
    await client.drained()
    await client.drained()
    await leavesNothing(all)
  })

  it('of the server come from all connections to the listener of that moment', async () => {
    const heard: string[] = []
    const all = await scene({ addresses: ['a:1', 'b:1'], onMessage: ({ route }) => heard.push(`first ${route}`) })
    const { client, network } = all
    network.all[0]?.push(1)
    client.onMessage = ({ route }) => heard.push(`second ${route}`)
    network.all[1]?.push(2)
    expect(heard).toEqual(['first 1', 'second 2'])
    await leavesNothing(all)
  })
})

describe('close', () => {
  it('waits for answers, fails what waits, and leaves nothing', async () => {
    const all = await scene()
    const { client, network } = all
    const answer = client.request(1)
    await network.pass()
    const retried = rejectionOf(client.request(2))
    await network.pass()
    const { ShardwireError } = await import('@shardwire/protocol')
    network.pending[1]?.reject(new ShardwireError(11, 'busy', { retryAfterMs: 1000 }))
    await network.pass()
    const closing = client.close()
    expect(await retried).toMatchObject({ name: 'OVERLOADED' })
    await expect(client.request(1)).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
    await expect(client.acquire()).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
    expect(() => client.send(1)).toThrow('the client is closed')
    await network.pass(2000)
    network.pending[0]?.resolve(bytesOf('late'))
    await answer
    await closing
    expect(client.status).toMatchObject({ state: 'closed', waiting: 0, leases: 0 })
    expect(network.events.at(-1)).toMatchObject({ type: 'state', state: 'closed' })
    await leavesNothing(all)
  })

  it('ends what is being dialled and what waits for it', async () => {
    const all = await scene({ addresses: ['a:1', 'b:1'] }, (network) => {
      network.set('a:1', 'hang')
      network.set('b:1', REFUSED)
    })
    const answer = rejectionOf(all.client.request(1))
    const connecting = rejectionOf(all.client.connect())
    const closing = all.client.close()
    expect(await answer).toMatchObject({ code: 'CLIENT_CLOSED' })
    expect(await connecting).toMatchObject({ code: 'CLIENT_CLOSED' })
    await closing
    await leavesNothing(all)
  })

  it('gives leases their time, and no more', async () => {
    const all = await scene({ closeTimeoutMs: 800 })
    const { client, network } = all
    const lease = await client.acquire()
    const closing = client.close()
    await network.pass(750)
    expect(network.open.size).toBe(1)
    await network.pass(50)
    await closing
    lease.release()
    await leavesNothing(all)
  })

  it('does not send again what fails meanwhile', async () => {
    const all = await scene()
    const answer = rejectionOf(all.client.request(1, undefined, { idempotent: true }))
    await all.network.pass()
    const closing = all.client.close()
    all.network.all[0]?.lose()
    expect(await answer).toMatchObject({ code: 'CONNECTION_LOST' })
    await closing
    await leavesNothing(all)
  })

  it('is ended by destroy, which fails what is in flight, also what close waits for', async () => {
    const all = await scene()
    const { client, network } = all
    const answer = rejectionOf(client.request(1, undefined, { idempotent: true }))
    const lease = await client.acquire()
    await network.pass()
    const closing = client.close()
    await network.pass()
    await client.destroy()
    await closing
    expect(await answer).toMatchObject({ code: 'CONNECTION_DESTROYED' })
    lease.release()
    await leavesNothing(all)
  })

  it('is what await using does, also when the body throws', async () => {
    const all = await scene()
    await expect(
      (async () => {
        await using held = all.client
        expect(held.status.state).toBe('connected')
        throw new Error('body')
      })(),
    ).rejects.toThrow('body')
    await leavesNothing(all)
  })
})

describe('options', () => {
  const create = (options: Partial<ClientOptions>): Client => createClient({ addresses: ['127.0.0.1:1'], ...options })

  it.each<[Partial<ClientOptions>, string]>([
    [{ addresses: [] }, 'addresses: expected at least one address'],
    [
      { addresses: ['7400'] },
      'addresses: expected host:port, tcp://host:port, tls://host:port or unix:/path, got "7400"',
    ],
    [{ addresses: ['::1:7400'] }, 'addresses: expected host:port'],
    [{ addresses: ['http://a:1'] }, 'addresses: expected host:port'],
    [{ addresses: ['unix:'] }, 'path: expected the path of a Unix socket, got ""'],
    [{ addresses: ['a:0'] }, 'port: expected an integer from 1 to 65535, got 0'],
    [{ addresses: ['a:1', { host: 'a', port: 1 }] }, 'addresses: expected each address once, got "a:1"'],
    [{ connect: { heartbeatMisses: 0 } }, 'heartbeatMisses: expected'],
    [
      { balance: 'random' as never },
      'balance: expected one of round-robin, least-in-flight, power-of-two, got "random"',
    ],
    [{ pool: { min: 4 } }, 'pool.min: expected at most pool.max (3), got 4'],
    [{ pool: { max: 0 } }, 'pool.max: expected an integer from 1 to 1000, got 0'],
    [{ reconnect: { minMs: 6000 } }, 'reconnect.minMs: expected at most reconnect.maxMs (5000), got 6000'],
    [{ reconnect: { giveUpAfterMs: 0 } }, 'reconnect.giveUpAfterMs: expected a number above 0, or Infinity, got 0'],
    [{ breaker: { failureShare: 0 } }, 'breaker.failureShare: expected a number above 0 up to 1, got 0'],
    [{ breaker: { ejectedShareMax: 2 } }, 'breaker.ejectedShareMax: expected a number from 0 to 1, got 2'],
    [{ retry: { attemptsMax: 0 } }, 'retry.attemptsMax: expected an integer from 1 to 100, got 0'],
    [{ retry: { budgetShare: -1 } }, 'retry.budgetShare: expected a number from 0 to 1, got -1'],
    [{ idempotentRoutes: [0] }, 'idempotentRoutes: expected an integer from 1 to 4095, got 0'],
    [{ idempotentRoutes: ['greet'] }, 'idempotentRoutes: expected integers from 1 to 4095: names are for clients'],
    [{ waitersMax: -1 }, 'waitersMax: expected'],
  ])('are refused with name, value and what was expected: %o', (options, message) => {
    expect(() => create(options)).toThrow(message)
    expect(() => create(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }) as Error)
  })

  it('name addresses as the server does', async () => {
    const seen: unknown[] = []
    const tls = new TlsClient()
    const all = await scene({
      addresses: ['a:1', 'tcp://[::1]:2', 'tls://b:3', 'unix:/run/x.sock'],
      connect: { tls },
      dial: async (options) => {
        const { host, port, path } = options
        seen.push(path ?? [host, port, options.tls])
        throw REFUSED
      },
    })
    expect(seen).toEqual([['a', 1, tls], ['::1', 2, undefined], ['b', 3, tls], '/run/x.sock'])
    await leavesNothing(all)
  })

  it('may differ by address', async () => {
    const all = await scene({
      addresses: [{ host: '::1', port: 9, timeoutMs: 1000 }, '[::2]:9'],
      connect: { timeoutMs: 2000, heartbeatMs: 77 },
      dial: async ({ host, timeoutMs, heartbeatMs }) => {
        throw new Error(`${host} ${timeoutMs} ${heartbeatMs}`)
      },
    })
    const errors = all.client.status.addresses.map(({ address, error }) => `${address}: ${String(error)}`)
    expect(errors).toEqual(['[::1]:9: Error: ::1 1000 77', '[::2]:9: Error: ::2 2000 77'])
    await leavesNothing(all)
  })
})
