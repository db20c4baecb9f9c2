import { beforeEach, describe, expect, it } from 'vitest'
import { RawChannel } from '../../src/transport/raw-channel.ts'
import type { RawHandle } from '../../src/transport/raw-handle.ts'

const SYMBOL = Symbol('kChannelHandle')
const PREFIX = '{"type":"socket",'
const BYTES = 0
const OFFSET = 1
const ASYNC = 2

interface FakeHandle {
  readonly name: string
  readonly log: string[]
}

function handle(name: string): RawHandle & FakeHandle {
  const closed: string[] = []
  const fake = { name, log: closed, readStart: null, writeBuffer: null, close: () => closed.push('close') }
  return fake as unknown as RawHandle & FakeHandle
}

/** One whose `close` is its prototype's, as a real handle's is. */
function shared(name: string): RawHandle & FakeHandle {
  return Object.create(handle(name)) as RawHandle & FakeHandle
}

function line(sequence: number): string {
  return `${PREFIX}"sequence":${sequence}}`
}

const streamBaseState = new Int32Array(3)
let channel: RawChannel
/** Requests of writes, in order. */
let requests: { oncomplete?: () => void }[]
/** What Node's own reader got: text, and whose handle was pending. */
let passedOn: string[]
let arrived: string[]
let pipe: {
  pendingHandle: unknown
  onread: (this: unknown, memory: ArrayBuffer | undefined) => unknown
  writeUtf8String: (request: object, text: string, handle: RawHandle) => number
}
beforeEach(() => {
  ;[passedOn, arrived, requests] = [[], [], []]
  streamBaseState[ASYNC] = 0
  pipe = {
    pendingHandle: null,
    onread(this: unknown, memory) {
      const { pendingHandle } = this as typeof pipe
      const text = memory === undefined ? 'end' : Buffer.from(memory, streamBaseState[OFFSET], streamBaseState[BYTES])
      passedOn.push(String(text) + (pendingHandle === null ? '' : ' with a handle'))
    },
    writeUtf8String(request) {
      requests.push(request)
      return 0
    },
  }
  const binding = {
    WriteWrap: class {},
    streamBaseState,
    kReadBytesOrError: BYTES,
    kArrayBufferOffset: OFFSET,
    kLastWriteWasAsync: ASYNC,
  }
  channel = new RawChannel({ [SYMBOL]: pipe }, SYMBOL, binding)
  channel.receive(PREFIX, (text, socket) => arrived.push(`${text} ${(socket as RawHandle & FakeHandle).name}`))
})

/** One read of the pipe, with what the kernel gives beside it. */
function read(text: string, withHandle: RawHandle | null = null): void {
  const bytes = Buffer.from(`--${text}`)
  streamBaseState[OFFSET] = 2
  streamBaseState[BYTES] = bytes.length - 2
  pipe.pendingHandle = withHandle
  const memory = new ArrayBuffer(bytes.length)
  new Uint8Array(memory).set(bytes)
  pipe.onread.call(pipe, memory)
}

describe('what is read', () => {
  it('a line and its handle', () => {
    read(`${line(1)}\n`, handle('a'))
    expect([arrived, passedOn, pipe.pendingHandle]).toEqual([[`${line(1)} a`], [], null])
  })

  it('other messages in front of it are left to Node, without the handle', () => {
    read(`{"type":"x"}\n{"type":"y"}\n${line(1)}\n`, handle('a'))
    expect([arrived, passedOn]).toEqual([[`${line(1)} a`], ['{"type":"x"}\n{"type":"y"}\n']])
  })

  it('the rest of a message in front of it too', () => {
    read('{"type":')
    read(`"x"}\n${line(1)}\n`, handle('a'))
    expect([arrived, passedOn]).toEqual([[`${line(1)} a`], ['{"type":', '"x"}\n']])
  })

  it('a line whose handle was lost is a message like any other: the next handle is not taken for it', () => {
    read(`${line(1)}\n`)
    read(`${line(2)}\n`, handle('b'))
    expect([arrived, passedOn]).toEqual([[`${line(2)} b`], [`${line(1)}\n`]])
  })

  it('a line that is cut loses its handle', () => {
    const lost = handle('a')
    read(line(1).slice(0, 20), lost)
    read(`${line(1).slice(20)}\n`)
    expect([arrived, passedOn.join(''), lost.log]).toEqual([[], `${line(1)}\n`, ['close']])
  })

  it('a handle of another message is Node’s, and so is the end', () => {
    read('{"cmd":"NODE_HANDLE"}\n', handle('a'))
    pipe.onread.call(pipe, undefined)
    expect([arrived, passedOn[0]]).toEqual([[], '{"cmd":"NODE_HANDLE"}\n with a handle'])
  })
})

describe('what is sent', () => {
  it('leaves a handle alone that left at once', () => {
    const socket = handle('a')
    channel.send(line(1), socket)
    socket.close()
    expect(socket.log).toEqual(['close'])
  })

  it('keeps a handle open that waits in the queue: it is closed when it has left, once', () => {
    const socket = shared('a')
    streamBaseState[ASYNC] = 1
    channel.send(line(1), socket)
    socket.close()
    expect(socket.log).toEqual([])
    requests[0]?.oncomplete?.()
    expect(socket.log).toEqual(['close'])
  })

  it('that stands in two queues until both have let it go', () => {
    const socket = shared('a')
    streamBaseState[ASYNC] = 1
    channel.send(line(1), socket)
    channel.send(line(2), socket)
    socket.close()
    requests[1]?.oncomplete?.()
    expect(socket.log).toEqual([])
    requests[0]?.oncomplete?.()
    expect(socket.log).toEqual(['close'])
  })

  it('and closes as ever afterwards, when nobody asked meanwhile', () => {
    const socket = shared('a')
    streamBaseState[ASYNC] = 1
    channel.send(line(1), socket)
    requests[0]?.oncomplete?.()
    expect(socket.log).toEqual([])
    socket.close()
    expect(socket.log).toEqual(['close'])
  })
})
