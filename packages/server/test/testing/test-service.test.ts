import {
  BAD_REQUEST,
  clientRoute,
  defineService,
  type Middleware,
  PERMISSION_DENIED,
  route,
  ShardwireError,
  typed,
} from '@shardwire/server'
import { testService } from '@shardwire/server/testing'
import { eventually, Latch } from '@shardwire/testkit'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { act, bytes } from '../fixtures/tasks.ts'

const ASK_LIGHT = clientRoute(7, { body: typed<{ on: boolean }>(), answer: z.object({ on: z.boolean() }) })

const order: string[] = []
const noting: Middleware = (request, next) => {
  order.push(request.route)
  return next()
}

const service = defineService({
  name: 'tested',
  middleware: [noting],
  routes: {
    double: route(1, { body: z.object({ n: z.coerce.number() }) }, ({ body }) => ({ twice: body.n * 2 })),
    echo: route(2, { body: 'bytes' }, (request) => request.forward()),
    ping: route(3, { body: 'none' }, () => 'pong'),
    who: route(4, { body: 'none' }, ({ connection, metadata }) => ({
      address: connection.remoteAddress,
      spiffeId: connection.tls?.spiffeId ?? null,
      user: connection.attributes['user'] ?? null,
      tag: metadata?.rest['tag'] ?? null,
      trace: metadata?.traceparent ?? null,
    })),
    refuse: route(5, () => {
      throw new ShardwireError(BAD_REQUEST, 'not so', { details: { why: 'so' } })
    }),
    fail: route(6, { body: 'none' }, () => {
      throw new Error('secret')
    }),
    never: route(
      7,
      { body: 'none', timeoutMs: 60_000 },
      ({ signal }) =>
        new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    ),
    push: route(8, { body: typed<number>() }, ({ body, connection }) => {
      for (let n = 0; n < body; n++) connection.send(9, { n })
    }),
    light: route(9, { body: typed<{ on: boolean }>() }, async ({ body, connection }) => {
      return (await connection.request(ASK_LIGHT, body)).on ? 'it is on' : 'it is off'
    }),
    leave: route(10, { body: 'none' }, ({ connection }) => {
      connection.close('enough')
      return 'bye'
    }),
    threaded: route(11, { body: 'bytes', offload: bytes }),
    slow: route(12, { body: typed<Parameters<typeof act>[0]>(), offload: act }),
  },
})

describe('a call', () => {
  it('goes the whole way: schema, middleware, handler, and back', async () => {
    await using tested = await testService(service)
    order.length = 0
    expect(await tested.call('double', { n: '21' })).toEqual({ twice: 42 })
    expect(await tested.call('ping')).toBe('pong')
    expect(order).toEqual(['double', 'ping'])
    const large = new Uint8Array(500_000).map((_, index) => index)
    expect(Buffer.compare(await tested.call('echo', large), large)).toBe(0)
    expect(Buffer.from((await tested.call('threaded', new Uint8Array(1))) ?? []).toString()).toBe('pooled')
  })

  it('rejects with what a client would get', async () => {
    await using tested = await testService(service, { logLevel: 'silent' })
    await expect(tested.call('double', { n: 'x' })).rejects.toMatchObject({
      name: 'BAD_BODY',
      details: { issues: [{ path: ['n'] }] },
    })
    await expect(tested.call('refuse', null)).rejects.toMatchObject({ name: 'BAD_REQUEST', details: { why: 'so' } })
    const failed: unknown = await tested.call('fail').catch((error: unknown) => error)
    expect(failed).toMatchObject({ name: 'HANDLER_FAILED' })
    expect(String(failed)).not.toContain('secret')
    const never = tested.call('never', undefined, { metadata: { deadlineMs: 10 } })
    await expect(never).rejects.toMatchObject({ name: 'DEADLINE_EXCEEDED' })
  })

  it('is cancelled by its signal, over the wire', async () => {
    await using tested = await testService(service)
    const abort = new AbortController()
    const call = tested.call('never', undefined, { signal: abort.signal })
    abort.abort()
    await expect(call).rejects.toMatchObject({ name: 'CANCELLED' })
    const before = tested.call('never', undefined, { signal: AbortSignal.abort() })
    await expect(before).rejects.toMatchObject({ name: 'CANCELLED' })
  })

  it('is bounded like any other: limits are options', async () => {
    await using tested = await testService(service, { maxInFlight: 1, maxFrameBytes: 2048, writeBufferBytes: 4096 })
    const client = tested.connect()
    const abort = new AbortController()
    const first = client.call('never', undefined, { signal: abort.signal })
    await expect(client.call('ping')).rejects.toMatchObject({ name: 'OVERLOADED', retryable: true })
    abort.abort()
    await expect(first).rejects.toMatchObject({ name: 'CANCELLED' })
    const large = client.call('echo', new Uint8Array(4000))
    await expect(large).rejects.toMatchObject({ name: 'FRAME_TOO_LARGE' })
    expect(await client.closed).toBe('FRAME_TOO_LARGE')
    await expect(client.call('ping')).rejects.toMatchObject({ name: 'FRAME_TOO_LARGE' })
  })

  it('to a route that there is not is a mistake of the test', async () => {
    await using tested = await testService(service)
    await expect(tested.call('nothing' as 'ping')).rejects.toThrow(/the service has no route nothing; there are .*ping/)
    await expect(tested.call('pin' as 'ping')).rejects.toThrow('the service has no route pin; did you mean ping?')
  })
})

describe('a client', () => {
  it('is whom the test says: address, certificate, attributes, and what it sends along', async () => {
    await using tested = await testService(service)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const told = await tested.call('who', undefined, {
      metadata: { tag: 'x', traceparent },
      client: {
        remoteAddress: '10.1.2.3',
        tls: { spiffeId: 'spiffe://example.org/device' },
        attributes: { user: 'ann' },
      },
    })
    const spiffeId = 'spiffe://example.org/device'
    expect(told).toEqual({ address: '10.1.2.3', spiffeId, user: 'ann', tag: 'x', trace: traceparent })
    expect(await tested.call('who')).toMatchObject({ address: '127.0.0.1', spiffeId: null, user: null })
  })

  it('hears what is pushed, answers what it is asked, and sees its end', async () => {
    await using tested = await testService(service)
    const client = tested.connect()
    await client.call('push', 2)
    expect(await client.nextMessage()).toMatchObject({ route: 9, value: { n: 0 } })
    expect((await client.nextMessage()).value).toEqual({ n: 1 })
    client.send('ping')
    expect(await client.nextMessage()).toMatchObject({ route: 3, value: 'pong' })
    client.send('refuse', 1)
    await expect(client.nextMessage()).rejects.toMatchObject({ name: 'BAD_REQUEST' })
    client.onRequest(ASK_LIGHT, ({ on }) => ({ on: !on }))
    expect(await client.call('light', { on: false })).toBe('it is on')
    client.onRequest(ASK_LIGHT, () => {
      throw new ShardwireError(PERMISSION_DENIED, 'not mine')
    })
    await expect(client.call('light', { on: true })).rejects.toMatchObject({ name: 'PERMISSION_DENIED' })
    expect(await client.call('leave')).toBe('bye')
    expect([await client.closed, client.isLeaving]).toEqual(['SERVICE_CLOSED', true])
    const late: unknown = await client.call('ping').catch((error: unknown) => error)
    expect(late).toMatchObject({ code: 'CONNECTION_CLOSED', message: 'the connection ended: SERVICE_CLOSED' })
    expect(await tested.call('ping')).toBe('pong')
  })

  it('answers on a route that is given by its number, and nothing else is taken for one', async () => {
    await using tested = await testService(service)
    const client = tested.connect()
    client.onRequest(7, (body) => ({ on: !(body as { on: boolean }).on }))
    expect(await client.call('light', { on: false })).toBe('it is on')
    expect(() => client.onRequest(0, () => null)).toThrow('a client route has number 0')
    expect(() => client.onRequest('7' as unknown as number, () => null)).toThrow("onRequest was given '7'; expected")
  })

  it('that ends is answered first', async () => {
    await using tested = await testService(service)
    const client = tested.connect()
    const call = client.call('threaded', new Uint8Array(2))
    const end = client.close()
    expect([...((await call) ?? [])]).toEqual([1, 2, 3])
    expect(await end).toBe('PEER_ENDED')
  })
})

describe('hooks', () => {
  it('run as they do in a worker: who is let in, who comes and goes, the beginning and the end', async () => {
    const seen: string[] = []
    const gone = new Latch()
    const guarded = defineService({
      name: 'guarded',
      routes: { me: route(1, { body: 'none' }, ({ connection }) => connection.attributes['user'] ?? null) },
      onStart: () => void seen.push('start'),
      onStop: () => void seen.push('stop'),
      authenticate: ({ token, client }) => (token === 'secret' ? { user: client.name ?? '' } : false),
      onConnect: () => void seen.push('connect'),
      onDisconnect: (_, { reason }) => {
        seen.push(reason)
        gone.open()
      },
    })
    {
      await using tested = await testService(guarded)
      expect(await tested.call('me', undefined, { client: { token: 'secret', name: 'ann' } })).toBe('ann')
      await gone.promise
      const wrong = tested.call('me', undefined, { client: { token: 'wrong' } })
      await expect(wrong).rejects.toMatchObject({ name: 'UNAUTHENTICATED' })
      await expect(tested.call('me')).rejects.toMatchObject({ name: 'UNAUTHENTICATED' })
    }
    expect(seen).toEqual(['start', 'connect', 'PEER_ENDED', 'stop'])
  })
})

describe('a connection', () => {
  it('says HELLO as a client does, and the next call has another when it ended', async () => {
    let comes = 0
    const guarded = defineService({
      name: 'guarded',
      routes: {
        b: route(1, { body: typed<number>() }, ({ body }) => body + 1),
        name: route(2, { body: 'none' }, ({ connection }) => connection.session?.client.name ?? 'nameless'),
        reset: route(3, { body: 'none' }, ({ connection }) => connection.reset()),
        leave: route(4, { body: 'none' }, ({ connection }) => connection.close('enough')),
      },
      authenticate: ({ token }) => ++comes !== 2 && token !== 'wrong',
    })
    await using tested = await testService(guarded)
    expect(await tested.call('b', 0)).toBe(1)
    await expect(tested.call('reset')).rejects.toMatchObject({ name: 'CONNECTION_LOST', code: 'CONNECTION_LOST' })
    // The second to come is not let in; that is told, and the third is.
    await expect(tested.call('b', 1)).rejects.toMatchObject({ name: 'UNAUTHENTICATED', retryable: false })
    expect(await tested.call('b', 1)).toBe(2)
    expect(comes).toBe(3)
    await tested.call('leave')
    expect(await tested.call('b', 2)).toBe(3)
    const wrong = tested.connect({ token: 'wrong' })
    expect(await wrong.closed).toBe('UNAUTHENTICATED')
    await expect(wrong.call('b', 0)).rejects.toBeInstanceOf(ShardwireError)
    await expect(tested.call('b', 0, { client: { hello: false } })).rejects.toMatchObject({ name: 'UNAUTHENTICATED' })
    expect(() => tested.connect({ hello: false, token: 'x' })).toThrow('hello: false says nothing, and token')
    await tested.close()
    await expect(tested.call('b', 0)).rejects.toMatchObject({ name: 'DRAINING' })
  })
})

describe('types', () => {
  it('are those of the service', async () => {
    await using tested = await testService(service)
    expectTypeOf(await tested.call('double', { n: 1 })).toEqualTypeOf<{ twice: number }>()
    expectTypeOf(await tested.call('echo', new Uint8Array(0))).toExtend<Uint8Array>()
    type Call = typeof tested.call<'light'>
    expectTypeOf<Parameters<Call>[1]>().toEqualTypeOf<{ on: boolean }>()
    expectTypeOf<Parameters<typeof tested.call<'ping'>>[1]>().toEqualTypeOf<undefined>()
  })
})

it('options that are wrong are refused, and nothing is left of a service that was closed', async () => {
  const wrong = testService(service, { maxInFlight: 0 })
  await expect(wrong).rejects.toThrow('maxInFlight is "0"')
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  for (let round = 0; round < 3; round++) {
    await using tested = await testService(service, { debugViews: true })
    expect(await tested.call('ping')).toBe('pong')
  }
  await eventually(
    () => timers() <= before,
    () => `${timers()} timers after, ${before} before`,
  )
})
