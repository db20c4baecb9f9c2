/** Owns the tests of what a handler may do with what it is lent, and what is told when it does more; in a shard. */
import {
  decodeBody,
  decodeErrorBody,
  encodeBody,
  encodeFrame,
  KIND_ERROR,
  KIND_REQUEST,
  POISON_BYTE,
} from '@shardwire/protocol'
import { nextTurn, type ReceivedFrame } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { Request } from '../../src/service/request.ts'
import { type Handler, route, type RouteOptions } from '../../src/service/route.ts'
import { type FakeShard, fakeShard } from '../worker/fake-shard.ts'

const ROUTE = 1
/** By its type it may answer anything. */
const BYTES: RouteOptions = { body: 'bytes' }
const LATER = 2
const BODY = Buffer.from('0123456789')
/** Longer than the interval between two collections. */
const SWEEP_MS = 1100

interface Setup extends FakeShard {
  /** Sends one REQUEST. @returns the answer's body, or the ERROR's name */
  readonly ask: (route?: number, body?: Uint8Array, meta?: Uint8Array) => Promise<string>
}

/** @param handler of a bytes route; `later` of a second one */
function setUp(handler: Handler, later: Handler = () => undefined, debugViews = 'true'): Setup {
  const made = fakeShard(
    { SHARDWIRE_DEBUG_VIEWS: debugViews },
    {
      first: route(ROUTE, BYTES, handler),
      second: route(LATER, BYTES, later),
    },
  )
  const peer = made.connect()
  let id = 0
  const ask: Setup['ask'] = async (number = ROUTE, body = BODY, meta) => {
    peer.send({ kind: KIND_REQUEST, route: number, id: ++id, body, ...(meta && { meta }) })
    await nextTurn()
    const answers = peer.received()
    if (answers.length !== 1) throw new Error(`${answers.length} answers`)
    return answers.map(textOf).join()
  }
  return { ...made, ask }
}

function textOf({ kind, body }: ReceivedFrame): string {
  return kind === KIND_ERROR ? decodeErrorBody(body, 0, body.length).name : Buffer.from(body).toString()
}

/** Looks whether something is still held. */
function sweep({ clock }: FakeShard): void {
  clock.advance(SWEEP_MS)
}

const views: Uint8Array[] = []
const put = (view: Uint8Array): undefined => void views.splice(0, Number.POSITIVE_INFINITY, view)
const held = (): Uint8Array => views[0] ?? new Uint8Array(0)

/** All that a handler may do with its body; debugging must change none of the answers. */
const RIGHT: Readonly<Record<string, Handler>> = {
  'returns the view': ({ bytes }) => bytes,
  'returns the body': ({ body }) => body,
  'returns a part of it': ({ bytes }) => bytes.subarray(2, 5).subarray(1),
  'returns a slice of it': ({ bytes }) => bytes.slice(2, 5),
  'asks twice': (request) => Buffer.concat([request.bytes, request.bytes]),
  'lays a Buffer over it': ({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  'writes into it and returns it': ({ bytes }) => bytes.reverse(),
  'sees what it has written': (request) => (request.bytes.reverse(), request.bytes),
  'keeps what it has written': (request) => (request.bytes.reverse(), request.keep()),
  forwards: (request) => (request.bytes, request.forward()),
  'forwards later': async (request) => (request.bytes, await Promise.resolve(), request.forward()),
  'writes and forwards later': async (request) => (request.bytes.reverse(), await Promise.resolve(), request.forward()),
  'asks again after an await': async (request) => (request.bytes, await Promise.resolve(), request.bytes),
  'keeps, and returns it after an await': async (request) => {
    const own = request.keep()
    await Promise.resolve()
    return own
  },
  'keeps after an await': async (request) => (await Promise.resolve(), request.keep()),
  'writes into what it has kept and forwards': (request) => (request.keep().fill(0), request.forward()),
  'spreads the request': (request) => Buffer.from(JSON.stringify({ ...request }.route)),
  throws: () => {
    throw new Error('no')
  },
}

describe.each(Object.entries(RIGHT))('a handler that %s', (_, handler) => {
  it.each([
    ['alone', undefined],
    ['with metadata', encodeBody({ tag: 1 })],
  ])('is answered as without debugging, and nothing is told: %s', async (__, meta) => {
    const plain = setUp(handler, undefined, 'false')
    const debugged = setUp(handler)
    const answer = await plain.ask(ROUTE, BODY, meta)
    expect(await debugged.ask(ROUTE, BODY, meta)).toBe(answer)
    expect(await debugged.ask(ROUTE, BODY, meta)).toBe(answer)
    sweep(debugged)
    expect([debugged.misuses, debugged.faults]).toEqual([[], []])
  })
})

describe('a view that is used too late', () => {
  const USES: Readonly<Record<string, (view: Uint8Array) => unknown>> = {
    '.length': (view) => view.length,
    '.slice': (view) => view.slice(),
    '.subarray': (view) => view.subarray(1),
    '.buffer': (view) => new DataView(view.buffer),
    '[Symbol.iterator]': (view) => [...view],
    '.valueOf': (view) => Buffer.from(view),
    instanceof: (view) => view instanceof Uint8Array,
  }
  it.each(Object.entries(USES))('by %s fails, and names the route it was lent to', async (use, run) => {
    const setup = setUp(
      ({ bytes }) => put(bytes),
      () => (run(held()), undefined),
    )
    await setup.ask()
    expect(await setup.ask(LATER)).toBe('HANDLER_FAILED')
    expect(setup.misuses[0]).toMatch(`route first: ${use} of a view of the body was used after`)
  })

  it('as the answer after an await, which reads `.then` of it, is told as what it is', async () => {
    const setup = setUp(async ({ bytes }) => {
      await Promise.resolve()
      return bytes
    })
    expect(await setup.ask()).toBe('HANDLER_FAILED')
    const text =
      'a view of the body was returned, or awaited, after the handler had returned or reached its first await'
    expect(setup.misuses[0]).toMatch(`route first: ${text}; take request.keep() for what outlives the handler`)
  })

  it('as the answer of another is HANDLER_FAILED there, by value and by promise', async () => {
    const setup = setUp(({ bytes }) => put(bytes), held)
    const later = setUp(
      ({ bytes }) => put(bytes),
      async () => Promise.resolve().then(held),
    )
    for (const { ask, misuses } of [setup, later]) {
      await ask()
      expect(await ask(LATER)).toBe('HANDLER_FAILED')
      expect(misuses).toHaveLength(1)
    }
  })

  it('in the same batch of frames fails too', () => {
    const setup = setUp(
      ({ bytes }) => put(bytes),
      () => held().slice(),
    )
    const peer = setup.connect()
    const request = { kind: KIND_REQUEST, body: BODY }
    peer.send({ ...request, route: ROUTE, id: 1 }, { ...request, route: LATER, id: 2 })
    expect(peer.answers()).toEqual([`2 ${ROUTE} 1`, `3 ${LATER} 2 HANDLER_FAILED`])
  })

  it('by what the handler had queued, however soon that runs, fails too', async () => {
    const outcomes: string[] = []
    const use =
      ({ bytes }: Request) =>
      (): void => {
        try {
          outcomes.push(`${bytes.length} bytes`)
        } catch (error) {
          outcomes.push(error instanceof Error ? error.name : '')
        }
      }
    const { ask } = setUp((request) => {
      process.nextTick(use(request))
      queueMicrotask(use(request))
    })
    // In a callback of its own, as a read of the network is: its ticks run before what was promised.
    await new Promise<void>((resolve) => setImmediate(() => void ask().then(() => resolve())))
    expect(outcomes).toEqual(['StaleViewError', 'StaleViewError'])
  })

  it('a part that was cut from it is stale with it', async () => {
    const setup = setUp(
      ({ bytes }) => put(bytes.subarray(1).subarray(1)),
      () => held().length,
    )
    await setup.ask()
    expect(await setup.ask(LATER)).toBe('HANDLER_FAILED')
    expect(setup.misuses[0]).toMatch('route first: .length of a view')
  })

  it('by index, or by another view of its memory, reads words that name the route', async () => {
    const { ask } = setUp(({ bytes }) => put(bytes))
    let other: Buffer = Buffer.alloc(0)
    const overlaid = setUp(({ bytes }) => void (other = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)))
    await ask(ROUTE, Buffer.alloc(21))
    await overlaid.ask(ROUTE, Buffer.alloc(21))
    expect(String.fromCharCode(...Array.from({ length: 21 }, (_, at) => held()[at] ?? 0))).toBe('<stale body of first>')
    expect(other.toString()).toBe('<stale body of first>')
  })
})

describe('a request that is used too late', () => {
  it.each(['route', 'connection', 'metadata', 'wantsAnswer', 'body', 'bytes', 'signal', 'keep', 'forward'] as const)(
    'by .%s fails, and names its route',
    async (name) => {
      let kept: Request | undefined
      const { ask, misuses } = setUp((request) => void (kept = request))
      await ask()
      expect(() => kept?.[name]).toThrow(`route first: .${name} of the request was used after the handler had returned`)
      expect(misuses).toHaveLength(1)
    },
  )

  it('stays good for a handler that returned a promise', async () => {
    let kept: Request | undefined
    const { ask, misuses } = setUp(async (request) => void (kept = request))
    await ask()
    await ask(LATER)
    expect([kept?.route, Buffer.from(kept?.bytes ?? []), kept?.wantsAnswer]).toEqual(['first', BODY, true])
    expect(misuses).toEqual([])
  })
})

describe('an async handler that uses a view from before its first await', () => {
  it.each<[string, Handler]>([
    ['after an await', async ({ bytes }) => (await Promise.resolve(), bytes.slice())],
    ['as its answer', async ({ bytes }) => bytes],
    ['as its answer after an await', async ({ bytes }) => (await Promise.resolve(), bytes)],
  ])('%s: HANDLER_FAILED, and the route is named', async (_, handler) => {
    const { ask, misuses } = setUp(handler)
    expect(await ask()).toBe('HANDLER_FAILED')
    expect(misuses).toEqual([expect.stringMatching(/^route first: .*after an await ask request\.bytes again/)])
  })
})

describe('an async answer that is a view from before the first await, without debugging', () => {
  it('is HANDLER_FAILED, also where another frame stands in its place by then', async () => {
    const body = Buffer.alloc(40, 'a')
    const setup = setUp(async ({ bytes }) => bytes, undefined, 'false')
    expect(await setup.ask(ROUTE, body)).toBe('HANDLER_FAILED')
    const frames = [body, Buffer.alloc(9000, 'b')].map((bytes, at) =>
      encodeFrame({ kind: KIND_REQUEST, route: ROUTE, id: at + 1, body: bytes }),
    )
    const stream = Buffer.concat(frames)
    const peer = setup.connect()
    // The first frame ends in a ring, where the second is moved over it.
    peer.handle.arrive(stream.subarray(0, 3))
    peer.handle.arrive(stream.subarray(3, 3900))
    await nextTurn()
    expect(peer.answers()).toEqual([`3 ${ROUTE} 1 HANDLER_FAILED`])
  })
})

describe('memory that outlives its handler', () => {
  it('is told by its route once it has survived a collection, though nobody uses it', async () => {
    const setup = setUp(({ bytes }) => put(bytes))
    await setup.ask()
    sweep(setup)
    expect(setup.misuses).toEqual([
      expect.stringMatching(/^route first: something still holds a body after the handler/),
    ])
  })

  it('also by a view that another was made of, and by work that goes on', async () => {
    const others: unknown[] = []
    const setup = setUp(({ bytes }) => void others.push(new DataView(bytes.buffer)))
    await setup.ask()
    sweep(setup)
    expect([others.length, setup.misuses.length]).toEqual([1, 1])
  })

  it('is told with how often it happened', async () => {
    const all: Uint8Array[] = []
    const setup = setUp(({ bytes }) => void all.push(bytes))
    for (let sent = 0; sent < 10; sent++) await setup.ask()
    sweep(setup)
    expect([all.length, setup.misuses]).toEqual([
      10,
      [expect.stringMatching(/^route first: something still holds 10 bodies/)],
    ])
  })

  it('and was written into is told so', async () => {
    const setup = setUp(({ bytes }) => put(bytes))
    await setup.ask()
    held()[3] = 1
    sweep(setup)
    expect(setup.misuses).toEqual([expect.stringMatching(/after the handler was done, and has written there: /)])
  })

  it('is no fault while an async handler runs, whose variables hold it', async () => {
    const done = Promise.withResolvers<void>()
    const setup = setUp(async ({ bytes }) => (bytes.slice(), await done.promise, undefined))
    const peer = setup.connect()
    peer.send({ kind: KIND_REQUEST, route: ROUTE, id: 1, body: BODY })
    await nextTurn()
    sweep(setup)
    done.resolve()
    await nextTurn()
    sweep(setup)
    expect([peer.answers(), setup.misuses]).toEqual([[`2 ${ROUTE} 1`], []])
  })
})

describe('a body', () => {
  it('that is written into and forwarded at once is HANDLER_FAILED: its checksum would be the old one', async () => {
    const { ask, misuses } = setUp((request) => (request.bytes.fill(0), request.forward()))
    expect(await ask()).toBe('HANDLER_FAILED')
    expect(misuses).toEqual([expect.stringMatching(/^route first: the handler wrote into its body and forwarded it/)])
  })

  it('that is transferred is HANDLER_FAILED: without debugging it would be the memory of all', async () => {
    const { ask, misuses } = setUp(
      ({ bytes }) => void structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] }),
    )
    expect(await ask()).toBe('HANDLER_FAILED')
    expect(misuses).toEqual([expect.stringMatching(/^route first: the handler gave the memory of its body away/)])
  })

  it('has poison before and behind it, as other frames stand there without debugging', async () => {
    const { ask } = setUp(({ bytes }) => {
      const memory = new Uint8Array(bytes.buffer)
      return Uint8Array.of(bytes.byteOffset % 2, memory[bytes.byteOffset - 1] ?? 0, memory[bytes.byteOffset + 10] ?? 0)
    })
    expect(await ask()).toBe(Buffer.of(1, POISON_BYTE, POISON_BYTE).toString())
  })

  it('of a msgpack route is its handler’s own', async () => {
    const bodies: unknown[] = []
    const setup = fakeShard({}, { value: route(ROUTE, {}, ({ body }) => void bodies.push(body)) })
    const peer = setup.connect()
    const value = { text: 'a text', bytes: new Uint8Array([1, 2, 3]) }
    peer.send({ kind: KIND_REQUEST, route: ROUTE, id: 1, body: encodeBody(value) })
    await nextTurn()
    peer.send({ kind: KIND_REQUEST, route: ROUTE, id: 2, body: encodeBody(null) })
    sweep(setup)
    const decoded = decodeBody(encodeBody(value), 0, encodeBody(value).length)
    expect([bodies[0], setup.misuses]).toEqual([decoded, []])
  })
})
