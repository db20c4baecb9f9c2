import { describe, expect, it } from 'vitest'
import { loadRawBinding } from '../../src/transport/raw-handle.ts'
import { RawTransports } from '../../src/transport/raw-transport.ts'
import type { SocketSettings, Transport, TransportEvents } from '../../src/transport/transport.ts'
import { FakeHandle, fakeBinding } from './fake-handle.ts'

const SETTINGS: SocketSettings = { nodelay: true, keepaliveMs: 0, keepaliveIntervalMs: 75_000, keepaliveProbes: 9 }
const bytes = (text: string): Buffer => Buffer.from(text)

interface Setup {
  readonly handle: FakeHandle
  readonly transport: Transport<string>
  /** The owner's events, in order. */
  readonly told: string[]
  readonly slab: Uint8Array
}

/** A transport owned by 'me', reading. */
function setUp(settings: Partial<SocketSettings> = {}, nextMemory?: Uint8Array): Setup {
  const told: string[] = []
  const slab = new Uint8Array(64)
  const events: TransportEvents<string> = {
    onLanded: (owner, count) => {
      told.push(`${owner} landed ${count}`)
      return nextMemory
    },
    onChunk: (owner) => told.push(`${owner} chunk`),
    onEnd: (owner) => told.push(`${owner} end`),
    onDrain: (owner) => told.push(`${owner} drain`),
    onFinished: (owner) => told.push(`${owner} finished`),
    onClosed: (owner) => told.push(`${owner} closed`),
  }
  const transports = new RawTransports(fakeBinding, events, slab)
  const handle = new FakeHandle()
  const transport = transports.adopt(handle.asRaw, { ...SETTINGS, ...settings })
  transport.owner = 'me'
  return { handle, transport, told, slab }
}

/** The same, and it has begun to read. */
function started(): Setup {
  const setup = setUp()
  setup.transport.start()
  return setup
}

describe('the binding of this Node', () => {
  it('has all that the raw transport takes: a change of Node shows here, not as a slow daemon', () => {
    expect(loadRawBinding()).toBeDefined()
  })
})

describe('reading', () => {
  it('nothing is read before start', () => {
    const { handle, transport } = setUp()
    expect(handle.reading).toBe(false)
    transport.start()
    expect(handle.reading).toBe(true)
  })

  it('bytes land in the slab, and then where the last event said', () => {
    const elsewhere = new Uint8Array(8)
    const { handle, transport, told, slab } = setUp({}, elsewhere)
    transport.start()
    handle.arrive(bytes('first'))
    handle.arrive(bytes('next'))
    expect(Buffer.from(slab.subarray(0, 5)).toString()).toBe('first')
    expect(Buffer.from(elsewhere.subarray(0, 4)).toString()).toBe('next')
    expect(told).toEqual(['me landed 5', 'me landed 4'])
  })

  it('pause stops and resume goes on, each once however often they are called', () => {
    const { handle, transport } = started()
    transport.pause()
    transport.pause()
    expect(handle.reading).toBe(false)
    transport.resume()
    transport.resume()
    expect(handle.reading).toBe(true)
  })

  it('after FIN of the peer resume reads no more, and we may still write', () => {
    const { handle, transport, told } = started()
    handle.arriveEnd()
    transport.resume()
    expect(handle.reading).toBe(false)
    transport.write(bytes('answer'), 0, 6)
    expect(handle.sent.toString()).toBe('answer')
    expect(told).toEqual(['me end'])
  })
})

describe('writing', () => {
  it('what the kernel takes at once leaves the block free at once, without an event', () => {
    const { handle, transport, told } = started()
    expect(transport.write(bytes('--abc--'), 2, 5)).toBe(true)
    expect(handle.sent.toString()).toBe('abc')
    expect([transport.unsentBytes, transport.takenBytes]).toEqual([0, 3])
    expect(told).toEqual([])
  })

  it('what it does not take is unsent, and drains once when the last of several writes has left', () => {
    const { handle, transport, told } = started()
    handle.room = 2
    expect(transport.write(bytes('abcde'), 0, 5)).toBe(false)
    expect(transport.write(bytes('fgh'), 0, 3)).toBe(false)
    expect([transport.unsentBytes, transport.takenBytes]).toEqual([6, 2])
    handle.take(4)
    expect([transport.unsentBytes, transport.takenBytes]).toEqual([2, 6])
    expect(told).toEqual([])
    handle.take()
    expect(told).toEqual(['me drain'])
    expect(handle.sent.toString()).toBe('abcdefgh')
    expect([transport.unsentBytes, transport.takenBytes]).toEqual([0, 8])
  })

  it('a write that finished before anyone could listen drains all the same', () => {
    const { handle, transport, told } = started()
    const write = { writeStatus: 0, oncomplete: (): void => undefined }
    handle.writeBuffer = () => write as never
    expect(transport.write(bytes('x'), 0, 1)).toBe(false)
    expect(told).toEqual(['me drain'])
  })

  it('an error at once closes, once, and frees the block', () => {
    const { handle, transport, told } = started()
    handle.writeError = -32
    expect(transport.write(bytes('abc'), 0, 3)).toBe(true)
    expect(handle.log.filter((call) => call === 'close')).toHaveLength(1)
    expect(transport.isWritable).toBe(false)
    handle.closes()
    expect(told).toEqual(['me closed'])
  })

  it('an error at once behind a write that waits: the memory of that one is read from until closed', () => {
    const { handle, transport, told } = started()
    handle.room = 0
    transport.write(bytes('abc'), 0, 3)
    handle.writeError = -32
    expect(transport.write(bytes('def'), 0, 3)).toBe(false)
    expect(told).toEqual([])
    handle.closes()
    expect(told).toEqual(['me closed'])
  })

  it.each([1, 2])('an error later closes, and never drains first: %d writes wait', (writes) => {
    const { handle, transport, told } = started()
    handle.room = 0
    for (let write = 0; write < writes; write++) transport.write(bytes('abc'), 0, 3)
    handle.failWrites()
    handle.closes()
    expect(told).toEqual(['me closed'])
    expect(handle.log.filter((call) => call === 'close')).toHaveLength(1)
  })
})

describe('ending', () => {
  it('end sends FIN once, and tells when it has left', () => {
    const { handle, transport, told } = started()
    transport.end()
    transport.end()
    expect([transport.isWritable, transport.isEnding]).toEqual([false, true])
    expect(told).toEqual([])
    handle.finLeaves()
    expect(handle.log.filter((call) => call === 'shutdown')).toHaveLength(1)
    expect(told).toEqual(['me finished'])
  })

  it.each([
    ['done at once', 1],
    ['for a peer that is gone already', -107],
  ])('a FIN that is %s has left', (_, status) => {
    const { handle, transport, told } = started()
    handle.shutdownStatus = status
    transport.end()
    expect(told).toEqual(['me finished'])
  })

  it.each([
    ['at once', (setup: Setup) => (setup.handle.shutdownStatus = -32)],
    ['later', () => undefined],
  ])('a FIN that fails %s closes', (_, arrange) => {
    const setup = started()
    arrange(setup)
    setup.transport.end()
    if (setup.handle.shutdownStatus === 0) setup.handle.finLeaves(-32)
    setup.handle.closes()
    expect(setup.told).toEqual(['me closed'])
  })

  it('a reset while the FIN is on its way becomes a close: libuv does not reset what is shutting down', () => {
    const { handle, transport } = started()
    transport.end()
    transport.reset()
    expect(handle.log.slice(-2)).toEqual(['shutdown', 'close'])
  })

  it('a reset before any FIN, and after one has left, is a reset', () => {
    const before = started()
    before.transport.reset()
    expect(before.handle.log.at(-1)).toBe('reset')
    const after = started()
    after.transport.end()
    after.handle.finLeaves()
    after.transport.reset()
    expect(after.handle.log.at(-1)).toBe('reset')
  })

  it('a handle that will not be reset is closed', () => {
    const { handle, transport, told } = started()
    handle.reset = () => -22
    transport.reset()
    handle.closes()
    expect([handle.log.at(-1), told]).toEqual(['close', ['me closed']])
  })

  it('a reset of the peer closes, and is told as nothing but closed', () => {
    const { handle, told } = started()
    handle.arriveReset()
    handle.closes()
    expect(told).toEqual(['me closed'])
  })
})

describe('after it was told to close', () => {
  it('closing again, in any way, asks nothing more of the handle', () => {
    const { handle, transport } = started()
    transport.close()
    const { length } = handle.log
    transport.close()
    transport.reset()
    transport.end()
    transport.pause()
    transport.resume()
    expect(handle.log).toHaveLength(length)
    expect([handle.reading, transport.remoteAddress]).toEqual([false, undefined])
  })

  it('neither drain nor finished is told any more', () => {
    const { handle, transport, told } = started()
    handle.room = 0
    transport.write(bytes('abc'), 0, 3)
    transport.end()
    transport.close()
    handle.take()
    handle.finLeaves()
    expect(told).toEqual([])
  })

  it('after closed no event is delivered, and the handle knows its owner no more', () => {
    const { handle, transport, told } = started()
    transport.close()
    handle.closes()
    handle.arriveReset()
    handle.arriveEnd()
    expect(told).toEqual(['me closed'])
    expect(handle.asRaw.sink).toBeUndefined()
    expect(transport.owner).toBeUndefined()
  })
})

describe('settings', () => {
  it('keepalive takes delay and interval in whole seconds, rounded down, and the number of probes', () => {
    const { handle } = setUp({ keepaliveMs: 61_999, keepaliveIntervalMs: 10_500, keepaliveProbes: 5 })
    expect(handle.log).toContain('keepalive true 61 10 5')
  })

  it('keepalive 0 is off, and nodelay only where it was asked for', () => {
    expect(setUp({ keepaliveMs: 0, nodelay: false }).handle.log).toEqual([])
    expect(setUp({ keepaliveMs: 0, nodelay: true }).handle.log).toEqual(['nodelay true'])
  })

  it('the peer is asked for its address', () => {
    const { transport } = setUp()
    expect([transport.remoteAddress, transport.remotePort]).toEqual(['192.0.2.1', 4711])
  })
})
