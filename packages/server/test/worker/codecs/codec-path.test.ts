/** Owns the tests of what a worker does around a codec: limits, buffers that grow, pushes, faults of the codec. */
import { ShardwireError } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { type Codec, type CodecDefinition, defineCodec } from '../../../src/codec/index.ts'
import type { Connection as ServedConnection } from '../../../src/service/connection.ts'
import { route } from '../../../src/service/route.ts'
import { heldBytes } from '../../../src/worker/budget.ts'
import { type FakeShard, fakeShard } from '../fake-shard.ts'
import { CodecPeer, demoRoutes, starred } from './codec-peer.ts'

const MINE = './mine.ts'

/** A shard with one listener, of a codec of its own. */
function shardOf(codec: Partial<Codec>, parameters = '&route=echo', environment = {}): FakeShard {
  const whole: Codec = {
    decode: (reading) => reading.message(reading.start, reading.end, reading.end),
    encodeAnswer: (writer, { memory, start, end }) => writer.bytes(memory, start, end),
    ...codec,
  }
  const definition: CodecDefinition = defineCodec({ name: 'mine', create: () => whole })
  const env = { SHARDWIRE_LISTEN: `tcp://127.0.0.1:1?codec=${MINE}${parameters}`, ...environment }
  return fakeShard(env, demoRoutes(), () => 0.5, undefined, {}, new Map([[MINE, definition]]))
}

describe('a codec of somebody else', () => {
  it('names routes by name and number, and has its tags back with answers and errors', async () => {
    // `!route tag body` a line: every character of it may come by itself.
    const { shard, faults } = shardOf({
      ordered: false,
      decode(reading) {
        const { memory, start, end } = reading
        const text = Buffer.from(memory.subarray(start, end)).toString()
        const newline = text.indexOf('\n')
        if (newline < 0) return reading.needMore()
        const [routeText = '', tag = '', body = ''] = text.slice(0, newline).split(' ')
        reading.route = /^\d+$/.test(routeText) ? Number(routeText) : routeText
        reading.tag = { tag }
        reading.wantsAnswer = true
        const next = start + newline + 1
        return reading.message(next - 1 - body.length, next - 1, next)
      },
      encodeAnswer(writer, { tag, route: name, memory, start, end }) {
        writer.text(`${(tag as { tag: string }).tag} ${name} `)
        writer.bytes(memory, start, end)
        writer.byte(10)
      },
      encodeError(writer, error, tag) {
        writer.text(`${(tag as { tag: string } | undefined)?.tag ?? '-'} ${error.name}\n`)
      },
    })
    const peer = new CodecPeer(shard)
    for (const character of 'echo a hello\n1 b x\n99 c x\nnope d x\nfail e x\n4 f xx\n') peer.send(character)
    await nextTurn()
    expect(peer.lines()).toEqual([
      'a echo hello',
      'b echo x',
      'c UNKNOWN_ROUTE',
      'd UNKNOWN_ROUTE',
      'e HANDLER_FAILED',
      // Its body is no msgpack, as that of a frame must be.
      'f BAD_BODY',
    ])
    expect(faults).toEqual([])
  })

  it('what it throws while it reads ends that connection as a fault of the server, and no other', () => {
    const { shard, faults, closes } = shardOf({
      decode(reading) {
        if (reading.memory[reading.start] === 33) throw new TypeError('a mistake')
        return reading.message(reading.start, reading.end, reading.end)
      },
    })
    const [first, second] = [new CodecPeer(shard), new CodecPeer(shard)]
    first.send('!')
    second.send('x')
    first.handle.closes()
    expect(second.received()).toBe('x')
    expect([String(faults), closes()]).toEqual(['TypeError: a mistake', { INTERNAL: 1 }])
  })

  it('what it throws while it writes is HANDLER_FAILED; while it writes an error, a fault', () => {
    const { shard, faults, closes } = shardOf({
      encodeAnswer: () => {
        throw new Error('cannot')
      },
      encodeError: () => {
        throw new Error('nor that')
      },
    })
    const peer = new CodecPeer(shard)
    peer.send('x')
    peer.handle.closes()
    expect([faults.map(String), closes()]).toEqual([['Error: nor that'], { INTERNAL: 1 }])
  })

  it('is told to begin anew where it finds something in no bytes', () => {
    const { shard, faults } = shardOf({ decode: (reading) => reading.gap(reading.start) })
    const peer = new CodecPeer(shard)
    peer.send('abc')
    expect(String(faults)).toContain('codec mine: of 3 bytes it said that the next message begins at 0')
  })

  it.each<[string, Codec['decode'], string]>([
    ['forgets to return', (reading) => void reading.needMore() as never, 'decode returned undefined; expected what'],
    [
      'returns something else',
      (reading) => (reading.message(reading.start, reading.end, reading.end), 7 as never),
      '7;',
    ],
    ['needs less than it has', (reading) => reading.needMore(2), 'it has 3 bytes, and said that it needs 2 in all'],
    [
      'needs what is no number',
      (reading) => reading.needMore(Number.NaN),
      'it has 3 bytes, and said that it needs NaN',
    ],
    ['needs half a byte', (reading) => reading.needMore(5.5), 'it has 3 bytes, and said that it needs 5.5 in all'],
    ['goes on within a byte', (reading) => reading.gap(reading.start + 0.5), 'the next message begins at 0.5'],
    [
      'has a body within a byte',
      (reading) => reading.message(reading.start + 0.5, reading.end, reading.end),
      'from 0.5',
    ],
    ['breaks without a code', (reading) => reading.broken(0, 'x'), 'there is no error 0'],
  ])('that %s is a fault that says so, and ends its connection alone', (_, decode, text) => {
    const { shard, faults, closes } = shardOf({
      decode: (reading) => (reading.memory[reading.start] === 120 ? reading.gap(reading.end) : decode(reading)),
    })
    const [peer, other] = [new CodecPeer(shard), new CodecPeer(shard)]
    peer.send('abc')
    other.send('x')
    peer.handle.closes()
    expect([faults.length, String(faults), closes()]).toEqual([1, expect.stringContaining(text), { INTERNAL: 1 }])
    expect(other.isFinished).toBe(false)
  })

  it('that never has enough is ended at the limit, and before it where it says how much it needs', () => {
    for (const announced of [0, 5000]) {
      const { shard, closes } = shardOf(
        { decode: (reading) => reading.needMore(announced) },
        '&max-frame-bytes=2048&route=echo',
      )
      const peer = new CodecPeer(shard)
      let sent = 0
      for (; !peer.isFinished; sent += 64) peer.send(Buffer.alloc(64))
      expect(sent).toBe(announced === 0 ? 2112 : 64)
      peer.handle.finLeaves()
      peer.handle.arriveEnd()
      peer.handle.closes()
      expect(closes()).toEqual({ FRAME_TOO_LARGE: 1 })
    }
  })

  it('that says how long a message is has no more read into its ring than that', () => {
    const { shard } = shardOf({
      decode(reading) {
        const { memory, start, end } = reading
        const bytes = 1 + (memory[start] as number) * 10
        return end - start < bytes ? reading.needMore(bytes) : reading.message(start + 1, start + bytes, start + bytes)
      },
    })
    const peer = new CodecPeer(shard)
    const message = Buffer.alloc(2001, 'm').fill(200, 0, 1)
    peer.send(Buffer.concat([message, message.subarray(0, 500)]))
    peer.send(Buffer.concat([message.subarray(500), message, message]))
    expect([peer.connection.ring, peer.received().length]).toEqual([null, 8000])
  })
})

describe('a message whose end nobody knows', () => {
  it('has a ring that grows with what came, and with a busy stream to the size of a read', async () => {
    const { shard, faults } = fakeShard({ SHARDWIRE_LISTEN: 'tcp://127.0.0.1:1?codec=line' }, demoRoutes())
    const peer = new CodecPeer(shard)
    const line = `${'x'.repeat(96)}\n`
    const stream = Buffer.from(line.repeat(5000))
    peer.send(stream.subarray(0, 50))
    expect(heldBytes(peer.connection)).toBe(512)
    const writesBefore = peer.handle.writes
    for (let at = 50; at < stream.length - 1; at += 100_000) {
      peer.send(stream.subarray(at, Math.min(at + 100_000, stream.length - 1)))
      await nextTurn()
    }
    // A few reads, and not one for each five lines.
    expect(peer.handle.writes - writesBefore).toBeLessThan(20)
    expect(heldBytes(peer.connection)).toBeLessThanOrEqual(131_072)
    peer.send(stream.subarray(-1))
    expect([heldBytes(peer.connection), peer.received().length, faults]).toEqual([0, stream.length, []])
  })
})

describe('what a service sends unasked', () => {
  async function sentTo(listen: string, use: (connection: ServedConnection) => unknown) {
    let said: unknown
    const start = route(8, { body: 'bytes' }, async ({ connection }) => {
      try {
        said = await use(connection)
      } catch (error) {
        said = error
      }
      return new Uint8Array(0)
    })
    const { shard } = fakeShard({ SHARDWIRE_LISTEN: `tcp://127.0.0.1:1?${listen}` }, { ...demoRoutes(), start })
    const peer = new CodecPeer(shard)
    peer.send(listen.startsWith('codec=json') ? '{"uid":1,"route":"start"}' : 'go\n')
    await nextTurn()
    return { said, received: peer.received(), isFinished: peer.isFinished }
  }

  it('goes out on raw and line listeners, a text as UTF-8', async () => {
    const speak = (connection: ServedConnection): boolean =>
      connection.send(1, 'hällo') && connection.send(1, Buffer.from('!'))
    expect(await sentTo('codec=line&route=start', speak)).toMatchObject({ said: true, received: 'hällo\n!\n\n' })
    expect(await sentTo('codec=raw&route=start', speak)).toMatchObject({ said: true, received: 'hällo!' })
  })

  it('is refused where nothing is sent unasked, and where it has no form', async () => {
    const { said, received } = await sentTo('codec=json', (connection) => connection.send(1, 'x'))
    expect(String(said)).toContain('to a listener of codec json nothing can be sent that was not asked for')
    expect(starred(received.trim())).toBe('{"uid":1,"val":"","ts":"*"}')
    const line = await sentTo('codec=line&route=start', (connection) => connection.send(1, { a: 1 }))
    expect(String(line.said)).toContain('codec line sends bytes or texts, and was given object')
    const large = await sentTo('codec=line&route=start', (connection) => connection.send(1, 'x'.repeat(1_048_577)))
    expect(String(large.said)).toContain('it has 1048577 bytes, the limit is 1048576')
  })

  it('a question to the client is refused, for it has no form', async () => {
    const { said } = await sentTo('codec=raw&route=start', (connection) => connection.request(1, 'x'))
    expect(String(said)).toContain('a client of codec raw cannot be asked')
  })

  it('a close is a FIN behind the answer, without a word', async () => {
    const closed = await sentTo('codec=line&route=start', (connection) => connection.close('enough'))
    expect(closed).toMatchObject({ received: '\n', isFinished: true })
  })
})

describe('an answer that sends something else while it is written', () => {
  it('has no byte of that in it, nor that of it', () => {
    let other: ServedConnection | undefined
    const value = {
      toJSON() {
        other?.send(1, 'pushed meanwhile')
        return { large: 'x'.repeat(100) }
      },
    }
    const { shard } = fakeShard(
      { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:1?codec=json,tcp://127.0.0.1:2?codec=raw&route=join' },
      {
        join: route(8, { body: 'bytes' }, ({ connection }) => {
          other = connection
          return new Uint8Array(0)
        }),
        say: route(9, { body: 'none' }, () => value),
      },
    )
    const [asker, listener] = [new CodecPeer(shard, 0), new CodecPeer(shard, 1)]
    listener.send('let me in')
    asker.send('{"uid":1,"route":"say"}{"uid":2,"route":"say"}')
    const expected = [1, 2].map((uid) => `{"uid":${uid},"val":{"large":"${'x'.repeat(100)}"},"ts":"*"}`)
    expect(asker.lines().map(starred)).toEqual(expected)
    expect(listener.received()).toBe('pushed meanwhilepushed meanwhile')
  })
})

describe('answers of JSON', () => {
  function answersTo(text: string, handler: () => unknown, options: object = {}): string[] {
    const { shard } = fakeShard(
      { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:1?codec=json&max-frame-bytes=1024' },
      {
        say: route(8, options, handler),
      },
    )
    const peer = new CodecPeer(shard)
    peer.send(text)
    return peer.lines().map(starred)
  }
  const ASK = '{"uid":"u","route":"say","val":1}'
  const failed = '{"uid":"u","error":{"code":15,"name":"HANDLER_FAILED","message":"*","retryable":false}}'

  it.each<[string, () => unknown, string]>([
    ['a value', () => ({ a: [1] }), '{"uid":"u","val":{"a":[1]},"ts":"*"}'],
    ['bytes, as a text', () => Buffer.from('ü'), '{"uid":"u","val":"ü","ts":"*"}'],
    ['bytes that are no text', () => Uint8Array.of(0xff), failed],
    ['what has no form', () => () => 1, failed],
    ['what holds a bigint', () => ({ a: 5n }), failed],
    ['what is too large', () => 'x'.repeat(1100), failed],
  ])('%s', (_, handler, expected) => {
    expect(answersTo(ASK, handler)).toEqual([expected])
  })

  it('an error leaves out what does not fit: details, then most of its text, then whom it answers', () => {
    const refuse = (): never => {
      throw new ShardwireError(6, 'm'.repeat(900), { details: 'd'.repeat(900) })
    }
    const [line = ''] = answersTo(ASK, refuse)
    expect(line).toBe('{"uid":"u","error":{"code":6,"name":"BAD_REQUEST","message":"*","retryable":false}}')
    const [nameless = ''] = answersTo(`{"uid":"${'u'.repeat(950)}","route":"say"}`, refuse)
    expect(nameless).toBe('{"error":{"code":6,"name":"BAD_REQUEST","message":"*","retryable":false}}')
  })
})
