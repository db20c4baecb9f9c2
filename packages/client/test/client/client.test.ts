/** Rules of the client with one address: what becomes of requests while connections come and go. */
import { getEventListeners } from 'node:events'
import { DRAINING, HANDLER_FAILED, OVERLOADED, ShardwireError, UNAUTHENTICATED } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { ClientError, createClient } from '../../src/index.ts'
import { bytesOf, rejectionOf, textOf } from '../support.ts'
import { leavesNothing, REFUSED, scene } from './fake-network.ts'
import type { FakeNetwork, FakeRequest } from './fake-network.ts'

const echo = ({ body, resolve }: FakeRequest): void => resolve(body)

function types(network: FakeNetwork): string[] {
  return network.events.map(({ type }) => type)
}

describe('a request', () => {
  it('goes to the connection that is there, and its answer comes back', async () => {
    const all = await scene()
    all.network.serve = echo
    expect(textOf(await all.client.request(1, bytesOf('hello')))).toBe('hello')
    expect(all.network.attempts).toEqual(['a:1@0'])
    await leavesNothing(all)
  })

  it('waits for a connection, and takes what is left of its time along', async () => {
    const all = await scene({}, (network) => network.set('a:1', REFUSED))
    const { client, network } = all
    const body = bytesOf('mine')
    const answer = client.request(1, body, { timeoutMs: 1000 })
    body.fill(0)
    network.set('a:1', 'up')
    network.serve = echo
    await network.pass(50)
    expect(textOf(await answer)).toBe('mine')
    expect(network.attempts).toEqual(['a:1@0', 'a:1@50'])
    await leavesNothing(all)
  })

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'that waited is not given a connection that is closed before it can use it: %i ticks after it came',
    async (ticks) => {
      const closeLater = async (): Promise<void> => {
        for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
        // Asking it from now on would throw.
        if (all.network.all.length === 1) void all.network.all[0]?.close()
      }
      const all = await scene(
        { onStatus: ({ type }) => (type === 'connected' ? void closeLater() : undefined) },
        (network) => network.set('a:1', REFUSED),
      )
      const { client, network } = all
      const answers = [client.request(1), client.request(1)]
      network.set('a:1', 'up')
      network.serve = echo
      await network.pass(200)
      await Promise.all(answers)
      await leavesNothing(all)
    },
  )

  it('fails with NO_CONNECTION when its time is up, which says what is the matter', async () => {
    const all = await scene({}, (network) => network.set('a:1', REFUSED))
    const answer = rejectionOf(all.client.request(1, undefined, { timeoutMs: 1000 }))
    await all.network.pass(1000)
    expect(await answer).toMatchObject({
      code: 'NO_CONNECTION',
      retryable: true,
      handler: 'did not run',
      cause: REFUSED,
      message: expect.stringMatching(/within 1000 ms: a:1 is waiting after: connect failed \(ECONNREFUSED\)$/),
    })
    await leavesNothing(all)
  })

  it('fails at once when nothing can come any more', async () => {
    const no = new ShardwireError(UNAUTHENTICATED, 'who are you')
    const all = await scene({ pool: { min: 0 } }, (network) => network.set('a:1', no))
    expect(await rejectionOf(all.client.request(1))).toMatchObject({ code: 'NO_CONNECTION', cause: no })
    expect(all.network.events).toMatchObject([
      { type: 'connecting', attempt: 1 },
      { type: 'state', state: 'connecting', before: 'idle' },
      { type: 'attempt-failed', attempt: 1, error: no },
      { type: 'gave-up', attempts: 1, error: no },
      { type: 'state', state: 'failed', before: 'connecting' },
    ])
    await leavesNothing(all)
  })

  it('is refused when too many wait', async () => {
    const all = await scene({ waitersMax: 1 }, (network) => network.set('a:1', 'hang'))
    const first = rejectionOf(all.client.request(1))
    await expect(all.client.request(1)).rejects.toMatchObject({ code: 'TOO_MANY_WAITING' })
    await all.client.destroy()
    expect(await first).toMatchObject({ code: 'CLIENT_CLOSED' })
    await leavesNothing(all)
  })

  it('ends with its signal while it waits, and leaves no listener', async () => {
    const all = await scene({}, (network) => network.set('a:1', 'hang'))
    const controller = new AbortController()
    const answer = rejectionOf(all.client.request(1, undefined, { signal: controller.signal }))
    controller.abort('why')
    expect(await answer).toMatchObject({ code: 'ABORTED', cause: 'why' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    await leavesNothing(all)
  })

  it.each([
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ timeoutMs: 1.5 }, 'timeoutMs'],
  ])('is refused for %o without being sent', async (options, name) => {
    const all = await scene()
    await expect(all.client.request(1, undefined, options)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(name),
    })
    await leavesNothing(all)
  })
})

describe('a request whose connection is lost', () => {
  it('fails where its route may do harm twice, and the error says that it may be tried again', async () => {
    const all = await scene()
    const answer = rejectionOf(all.client.request(1))
    await all.network.pass()
    all.network.all[0]?.lose()
    expect(await answer).toMatchObject({ code: 'CONNECTION_LOST', retryable: true })
    await leavesNothing(all)
  })

  it.each([
    ['says so', {}, { idempotent: true }],
    ['is on a route that is declared so', { idempotentRoutes: [1] }, {}],
  ])('is sent again where it %s, on the next connection', async (_what, options, request) => {
    const all = await scene(options)
    const { client, network } = all
    const body = bytesOf('twice')
    const answer = client.request(1, body, request)
    body.fill(0)
    await network.pass()
    network.all[0]?.lose()
    await network.pass(100)
    const [again] = network.pending
    expect(again?.connection.name).toBe('a:1#1')
    expect(textOf(again?.body ?? bytesOf(''))).toBe('twice')
    again?.resolve(bytesOf('done'))
    expect(textOf(await answer)).toBe('done')
    expect(client.status).toMatchObject({ requests: 1, retries: 1 })
    await leavesNothing(all)
  })

  it('is sent again with its own body, whatever its size and whoever was asked beside it', async () => {
    const all = await scene({ idempotentRoutes: [1] })
    const { client, network } = all
    const sizes = [0, 1, 40, 8192, 8193, 70_000, 60_000, 3]
    const shared = new Uint8Array(70_000)
    const answers = sizes.map((size, number) => client.request(1, shared.fill(number + 1).subarray(0, size)))
    shared.fill(0)
    await network.pass()
    network.all[0]?.lose()
    await network.pass(100)
    expect(network.pending.map(({ body }) => body.length)).toEqual(sizes)
    for (const [number, { body }] of network.pending.entries()) {
      expect(body.every((byte) => byte === number + 1)).toBe(true)
    }
    for (const again of [...network.pending]) again.resolve(bytesOf('done'))
    expect((await Promise.all(answers)).map(textOf)).toEqual(sizes.map(() => 'done'))
    await leavesNothing(all)
  })

  it('is not dialled for without its wait, also where the socket is not gone yet', async () => {
    const all = await scene()
    const { client, network } = all
    const answer = client.request(1, undefined, { idempotent: true })
    await network.pass()
    const go = network.all[0]?.half()
    await network.pass()
    expect(network.attempts).toEqual(['a:1@0'])
    await network.pass(50)
    expect(network.attempts).toEqual(['a:1@0', 'a:1@50'])
    go?.()
    network.pending[0]?.resolve(bytesOf(''))
    await answer
    await network.pass(200)
    expect(network.attempts).toHaveLength(2)
    await leavesNothing(all)
  })

  it('fails with that loss, not with what came after, when there is no connection in time', async () => {
    const all = await scene()
    const { client, network } = all
    const answer = rejectionOf(client.request(1, undefined, { idempotent: true, timeoutMs: 1000 }))
    await network.pass()
    network.set('a:1', REFUSED)
    network.all[0]?.lose()
    await network.pass(1000)
    expect(await answer).toMatchObject({ code: 'CONNECTION_LOST' })
    await leavesNothing(all)
  })

  it('fails with that loss, not with what another attempt met, which would say that nothing had run', async () => {
    const all = await scene({ addresses: ['a:1', 'b:1'], balance: 'round-robin', retry: { attemptsMax: 2 } })
    const { client, network } = all
    const answer = rejectionOf(client.request(1, undefined, { idempotent: true }))
    await network.pass()
    network.pending[0]?.connection.lose()
    await network.pass()
    network.pending[0]?.reject(new ShardwireError(OVERLOADED, 'busy'))
    expect(await answer).toMatchObject({ code: 'CONNECTION_LOST' })
    await leavesNothing(all)
  })

  it('is not sent again after its signal', async () => {
    const all = await scene()
    const { client, network } = all
    const controller = new AbortController()
    const answer = rejectionOf(client.request(1, undefined, { idempotent: true, signal: controller.signal }))
    await network.pass()
    network.all[0]?.lose()
    await network.pass()
    controller.abort()
    expect(await answer).toMatchObject({ code: 'ABORTED' })
    await leavesNothing(all)
  })
})

describe('a request that was refused', () => {
  it('is sent again after what the server says, where its handler did not run', async () => {
    const all = await scene()
    const { client, network } = all
    const answer = client.request(1)
    await network.pass()
    network.pending[0]?.reject(new ShardwireError(OVERLOADED, 'busy', { retryAfterMs: 700 }))
    await network.pass(650)
    expect(network.pending).toHaveLength(0)
    await network.pass(50)
    expect(network.pending[0]?.options.timeoutMs).toBe(2300)
    network.pending[0]?.resolve(bytesOf('ok'))
    await answer
    await leavesNothing(all)
  })

  it('is sent again at once after DRAINING, and never after HANDLER_FAILED', async () => {
    const all = await scene()
    const { client, network } = all
    const drained = client.request(1)
    await network.pass()
    network.pending[0]?.reject(new ShardwireError(DRAINING, 'goaway'))
    await network.pass()
    network.pending[0]?.resolve(bytesOf('ok'))
    await drained
    const failed = rejectionOf(client.request(1, undefined, { idempotent: true }))
    await network.pass()
    network.pending[0]?.reject(new ShardwireError(HANDLER_FAILED, 'bug'))
    expect(await failed).toMatchObject({ name: 'HANDLER_FAILED' })
    await leavesNothing(all)
  })

  it('is not sent again where retries are off', async () => {
    const all = await scene({ retry: false })
    const answer = rejectionOf(all.client.request(1))
    await all.network.pass()
    all.network.pending[0]?.reject(new ShardwireError(DRAINING, 'goaway'))
    expect(await answer).toMatchObject({ name: 'DRAINING' })
    await leavesNothing(all)
  })

  it('makes no storm: an overloaded server gets a tenth more and the floor, not three times as much', async () => {
    const all = await scene({ breaker: false })
    const { client, network } = all
    let sent = 0
    network.serve = ({ reject }) => {
      sent++
      reject(new ShardwireError(OVERLOADED, 'busy', { retryAfterMs: 500 }))
    }
    const ends: Promise<unknown>[] = []
    for (let second = 0; second < 20; second++) {
      for (let request = 0; request < 100; request++) ends.push(rejectionOf(client.request(1)))
      await network.pass(1000)
    }
    await network.pass(5000)
    for (const error of await Promise.all(ends)) expect(error).toMatchObject({ name: 'OVERLOADED' })
    expect(sent).toBeGreaterThan(2000)
    expect(sent).toBeLessThanOrEqual(2000 * 1.1 + 10 + 25)
    expect(client.status).toMatchObject({ retries: sent - 2000, retriesRefused: expect.any(Number) })
    await leavesNothing(all)
  })
})

describe('connections', () => {
  it('become more with the requests in flight, up to the maximum, and fewer when they are idle', async () => {
    const all = await scene({ pool: { requestsPerConnection: 2, idleTimeoutMs: 5000 } })
    const { client, network } = all
    const answers = Array.from({ length: 12 }, () => client.request(1, undefined, { timeoutMs: 60_000 }))
    await network.pass()
    expect(network.open.size).toBe(2)
    const more = Array.from({ length: 12 }, () => client.request(1, undefined, { timeoutMs: 60_000 }))
    await network.pass()
    expect(network.open.size).toBe(3)
    // The last is not needed after all.
    await network.pass(20_000)
    expect(network.open.size).toBe(2)
    for (const { resolve } of network.pending) resolve(bytesOf(''))
    await Promise.all([...answers, ...more])
    await network.pass(6000)
    expect(network.open.size).toBe(1)
    await leavesNothing(all)
  })

  it('at their age are replaced before they go, and requests on them are answered', async () => {
    const all = await scene({ pool: { maxAgeMs: 10_000 } })
    const { client, network } = all
    const answer = client.request(1, undefined, { timeoutMs: 60_000 })
    await network.pass(10_000)
    expect(network.all).toHaveLength(2)
    const [request] = network.pending
    expect(request?.connection.name).toBe('a:1#0')
    expect(network.open.size).toBe(2)
    request?.resolve(bytesOf('old'))
    expect(textOf(await answer)).toBe('old')
    await network.pass()
    expect([...network.open].map(({ name }) => name)).toEqual(['a:1#1'])
    await leavesNothing(all)
  })

  it('that are suspect get no new request; another is made, and the first may come back', async () => {
    const all = await scene()
    const { client, network } = all
    network.serve = echo
    network.all[0]?.suspect(true)
    await network.pass()
    await client.request(1)
    expect(network.all).toHaveLength(2)
    network.all[1]?.suspect(true)
    network.set('a:1', 'hang')
    const waiting = client.request(1)
    await network.pass()
    expect(client.status).toMatchObject({ state: 'connecting', waiting: 1, addresses: [{ state: 'connecting' }] })
    network.all[0]?.suspect(false)
    await waiting
    expect(types(network).filter((type) => type === 'suspect' || type === 'recovered')).toEqual([
      'suspect',
      'suspect',
      'recovered',
    ])
    await leavesNothing(all)
  })
})

describe('a connection that answers nothing', () => {
  const timeout = ({ reject }: FakeRequest): void => reject(new ClientError('REQUEST_TIMEOUT', 'no answer'))

  it('is replaced after five timeouts in a row, though it is alive', async () => {
    const all = await scene({ breaker: false })
    const { client, network } = all
    network.serve = timeout
    for (let request = 0; request < 4; request++) await rejectionOf(client.request(1))
    network.serve = echo
    await client.request(1)
    network.serve = timeout
    for (let request = 0; request < 5; request++) await rejectionOf(client.request(1))
    network.serve = echo
    expect(network.all[0]?.status).not.toBe('open')
    await client.request(1)
    expect(network.all).toHaveLength(2)
    await leavesNothing(all)
  })
})

describe('a server that lets a connection in and then refuses it', () => {
  it('is dialled again when it says', async () => {
    const all = await scene()
    const { client, network } = all
    network.all[0]?.refuse(new ShardwireError(OVERLOADED, 'the room is full', { retryAfterMs: 1000 }))
    await network.pass(950)
    expect(network.attempts).toEqual(['a:1@0'])
    expect(network.events.filter(({ type }) => type === 'waiting')).toMatchObject([
      { delayMs: 1000, reason: 'refused' },
    ])
    await network.pass(50)
    expect(network.attempts).toEqual(['a:1@0', 'a:1@1000'])
    network.serve = echo
    await client.request(1)
    await leavesNothing(all)
  })
})

describe('a GOAWAY', () => {
  it('lets what is in flight finish, sends nothing new there, and dials anew when it says', async () => {
    const all = await scene()
    const { client, network } = all
    const old = client.request(1)
    await network.pass()
    network.all[0]?.sendGoaway({ retry: 'later', retryAfterMs: 1000, jitterMs: 500 })
    expect(network.events.slice(-3)).toMatchObject([
      { type: 'goaway', goaway: { retry: 'later' } },
      { type: 'waiting', delayMs: 1250, reason: 'goaway' },
      { type: 'state', state: 'connecting', before: 'connected' },
    ])
    const next = client.request(1)
    await network.pass(1200)
    expect(network.attempts).toEqual(['a:1@0'])
    expect(client.status).toMatchObject({ waiting: 1, addresses: [{ state: 'waiting', attempt: 1, waitMs: 50 }] })
    await network.pass(50)
    expect(network.attempts).toEqual(['a:1@0', 'a:1@1250'])
    for (const { connection, resolve } of network.pending) resolve(bytesOf(connection.name))
    expect(textOf(await old)).toBe('a:1#0')
    expect(textOf(await next)).toBe('a:1#1')
    await network.pass(1000)
    expect(network.attempts).toHaveLength(2)
    await leavesNothing(all)
  })

  it('with never leaves the address alone until connect() is called', async () => {
    const all = await scene()
    const { client, network } = all
    network.all[0]?.sendGoaway({ retry: 'never' })
    await network.pass(60_000)
    expect(network.attempts).toHaveLength(1)
    expect(client.status).toMatchObject({ state: 'failed', addresses: [{ state: 'stopped' }] })
    await expect(client.request(1)).rejects.toMatchObject({ code: 'NO_CONNECTION' })
    await client.connect()
    expect(network.attempts).toHaveLength(2)
    await leavesNothing(all)
  })
})

describe('an outage', () => {
  it('is given up after 30 s; the next request begins anew, paced as before', async () => {
    const all = await scene({}, (network) => network.set('a:1', REFUSED))
    const { client, network } = all
    const connecting = rejectionOf(client.connect())
    await network.pass(40_000)
    expect(await connecting).toMatchObject({ code: 'NO_CONNECTION', message: expect.stringContaining('is failed') })
    expect(client.status.state).toBe('failed')
    const attempts = network.attempts.length
    await network.pass(60_000)
    expect(network.attempts).toHaveLength(attempts)
    network.set('a:1', 'up')
    network.serve = echo
    await client.request(1)
    expect(network.attempts).toHaveLength(attempts + 1)
    await leavesNothing(all)
  })

  it('is told as it goes', async () => {
    const all = await scene()
    const { network } = all
    network.set('a:1', REFUSED)
    network.all[0]?.lose()
    await network.pass(100)
    network.set('a:1', 'up')
    await network.pass(200)
    expect(network.events).toMatchObject([
      { type: 'connecting', address: 'a:1', attempt: 1 },
      { type: 'state', state: 'connecting', before: 'idle' },
      { type: 'connected', address: 'a:1', connection: 'a:1#0', shard: 0 },
      { type: 'state', state: 'connected', before: 'connecting' },
      { type: 'disconnected', connection: 'a:1#0', close: { end: 'lost' } },
      { type: 'waiting', attempt: 1, delayMs: 50, reason: 'backoff' },
      { type: 'state', state: 'connecting', before: 'connected' },
      { type: 'connecting', attempt: 1 },
      { type: 'attempt-failed', attempt: 1, error: REFUSED },
      { type: 'waiting', attempt: 2, delayMs: 100, reason: 'backoff' },
      { type: 'connecting', attempt: 2 },
      { type: 'connected', connection: 'a:1#1' },
      { type: 'state', state: 'connected', before: 'connecting' },
    ])
    await leavesNothing(all)
  })
})

describe('the breaker', () => {
  it('opens on what comes back, refuses at once, lets one request try, and closes', async () => {
    const all = await scene()
    const { client, network } = all
    network.serve = ({ reject }) => reject(new ShardwireError(9, 'too late'))
    for (let request = 0; request < 5; request++) await rejectionOf(client.request(1))
    await expect(client.request(1)).rejects.toMatchObject({
      code: 'BREAKER_OPEN',
      handler: 'did not run',
      retryAfterMs: 5000,
      message: 'requests to a:1 failed too often; the next is let through in 5000 ms',
    })
    expect(client.status.addresses[0]?.breaker).toMatchObject({ state: 'open', retryAfterMs: 5000 })
    await network.pass(5000)
    network.serve = undefined
    const requests = Array.from({ length: 100 }, () => client.request(1))
    const ends = Promise.allSettled(requests)
    await network.pass()
    expect(network.pending).toHaveLength(1)
    network.pending[0]?.resolve(bytesOf(''))
    expect((await ends).filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    network.serve = echo
    await client.request(1)
    expect(network.events.filter(({ type }) => type === 'breaker')).toMatchObject([
      { state: 'open', before: 'closed', reason: '5 failures in a row' },
      { state: 'half-open', before: 'open' },
      { state: 'closed', before: 'half-open' },
    ])
    await leavesNothing(all)
  })

  it('takes what is lost together for one failure, and a server that dies at each request for one each', async () => {
    const all = await scene({ pool: { min: 3 }, retry: false })
    const { client, network } = all
    await network.pass()
    expect(network.open.size).toBe(3)
    const lost = Array.from({ length: 30 }, () => rejectionOf(client.request(1)))
    await network.pass()
    for (const connection of network.all.slice(0, 3)) connection.lose()
    await Promise.all(lost)
    expect(client.status.addresses[0]?.breaker).toMatchObject({ state: 'closed', failuresInRow: 1 })
    network.serve = ({ connection }) => connection.lose()
    for (let death = 2; death <= 5; death++) {
      await network.pass(6000)
      await rejectionOf(client.request(1))
    }
    expect(client.status.addresses[0]?.breaker.state).toBe('open')
    await leavesNothing(all)
  })

  it('is not opened by a burst of the caller\u2019s own that is more than a connection takes', async () => {
    const all = await scene({ retry: false })
    const { client, network } = all
    network.serve = ({ reject }) => reject(new ClientError('BACKLOG_FULL', 'too much'))
    for (let request = 0; request < 50; request++) {
      expect(await rejectionOf(client.request(1))).toMatchObject({ code: 'BACKLOG_FULL' })
    }
    network.serve = echo
    await client.request(1)
    await leavesNothing(all)
  })

  it('is not held half-open by a request that its caller gives up', async () => {
    const all = await scene({ breaker: { failuresInRow: 1, openMs: 1000 } })
    const { client, network } = all
    network.serve = ({ reject }) => reject(new ShardwireError(9, 'too late'))
    await rejectionOf(client.request(1))
    await network.pass(1000)
    network.serve = ({ reject }) => reject(new ShardwireError(10, 'cancelled'))
    network.serve = undefined
    const tried = rejectionOf(client.request(1))
    await network.pass()
    network.pending[0]?.reject(new ClientError('ABORTED', 'x'))
    await tried
    network.serve = echo
    await client.request(1)
    expect(client.status.addresses[0]?.breaker.state).toBe('closed')
    await leavesNothing(all)
  })

  it('survives a listener that ends the client as it opens for a trial', async () => {
    const network: { client?: ReturnType<typeof createClient> } = {}
    const all = await scene({
      breaker: { failuresInRow: 1, openMs: 1000 },
      onStatus: (event) => {
        if (event.type === 'breaker' && event.state === 'half-open') void network.client?.destroy()
      },
    })
    network.client = all.client
    all.network.serve = ({ reject }) => reject(new ShardwireError(9, 'too late'))
    await rejectionOf(all.client.request(1))
    await all.network.pass(1000)
    expect(await rejectionOf(all.client.request(1))).toMatchObject({ code: 'CLIENT_CLOSED' })
    await leavesNothing(all)
  })
})
