/**
 * Owns sending sockets over the channel between two Node processes without waiting for each other.
 * Must not know: what the sockets are for.
 * Invariant: what is used here Node does not document; where it is not there, `openRawChannel` says so and sockets go
 * by `process.send`. A socket reaches `onSocket` only with the very line that it was sent with; a line whose socket is
 * not surely its own is an ordinary message, without a handle.
 *
 * Why: `process.send` keeps one handle in flight and waits for the other side's word before the next, so that every
 * socket costs a wait for another process to be scheduled.
 *
 * How: each handle leaves in a sendmsg() of its own line. Linux ends a read behind the bytes that a handle came with,
 * so the handle of a read belongs to the last line in it. Other messages of the channel go on as ever: their lines are
 * left to Node. Where the receiver has no descriptor free the kernel drops the handle and the line comes alone.
 */
import type { RawHandle } from './raw-handle.ts'
import { isRawHandle, loadBinding } from './raw-handle.ts'

/** The pipe of a channel. */
interface ChannelHandle {
  /** Set before `onread`, when a handle came with what was read. */
  pendingHandle: unknown
  onread: (this: ChannelHandle, memory: ArrayBuffer | undefined) => unknown
  writeUtf8String(request: object, text: string, handle: RawHandle): number
}

interface WriteRequest {
  oncomplete?: () => void
}

interface ChannelBinding {
  readonly WriteWrap: new () => WriteRequest
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
  readonly kArrayBufferOffset: number
  readonly kLastWriteWasAsync: number
}

const NEWLINE = 10

export class RawChannel {
  readonly #owner: object
  readonly #symbol: symbol
  readonly #binding: ChannelBinding

  constructor(owner: object, symbol: symbol, binding: ChannelBinding) {
    this.#owner = owner
    this.#symbol = symbol
    this.#binding = binding
  }

  /**
   * Sends one line with a handle, behind everything that was sent before. Until it has left a `close` of the handle
   * waits: libuv keeps no descriptor of its own for what is queued, and ends the process when that is closed.
   */
  send(line: string, handle: RawHandle): void {
    const channel: unknown = Reflect.get(this.#owner, this.#symbol)
    if (!isChannelHandle(channel)) return
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = this.#binding
    const request = new WriteWrap()
    const status = channel.writeUtf8String(request, `${line}\n`, handle)
    if (status === 0 && streamBaseState[kLastWriteWasAsync] === 1) holdOpen(handle, request)
  }

  /**
   * Gives every handle that came with a line which begins with `prefix` to `onSocket`, with that line.
   * Handles of other lines are Node's.
   */
  receive(prefix: string, onSocket: (line: string, handle: RawHandle) => void): void {
    const channel: unknown = Reflect.get(this.#owner, this.#symbol)
    if (!isChannelHandle(channel)) throw new Error('the channel is closed')
    const { streamBaseState, kReadBytesOrError, kArrayBufferOffset } = this.#binding
    const passOn = channel.onread
    const onread: ChannelHandle['onread'] = function onread(this: ChannelHandle, memory) {
      const handle = this.pendingHandle
      if (memory === undefined || !isRawHandle(handle)) return passOn.call(this, memory)
      const bytes = streamBaseState[kReadBytesOrError] ?? 0
      const read = Buffer.from(memory, streamBaseState[kArrayBufferOffset], bytes)
      const lineAt = read.lastIndexOf(NEWLINE, bytes - 2) + 1
      const isWhole = read[bytes - 1] === NEWLINE
      // A line that is cut: whose the handle is shows only later, so its line will be answered as one that had none.
      if (!isWhole) closePending(this, handle)
      if (!isWhole || read.toString('latin1', lineAt, lineAt + prefix.length) !== prefix)
        return passOn.call(this, memory)
      this.pendingHandle = null
      if (lineAt > 0) {
        streamBaseState[kReadBytesOrError] = lineAt
        passOn.call(this, memory)
      }
      onSocket(read.toString('latin1', lineAt, bytes - 1), handle)
      return undefined
    }
    channel.onread = onread
  }
}

/**
 * The channel of a child process, or of this process to its parent.
 * @returns undefined where this Node does not give out, or no longer has, all that is used here
 */
export function openRawChannel(owner: object): RawChannel | undefined {
  const binding = loadBinding('stream_wrap')
  const symbol = Object.getOwnPropertySymbols(owner).find(({ description }) => description === 'kChannelHandle')
  if (symbol === undefined || process.platform !== 'linux' || !isChannelBinding(binding)) return undefined
  return isChannelHandle(Reflect.get(owner, symbol)) ? new RawChannel(owner, symbol, binding) : undefined
}

/** Handles that stand in the queue of a channel: how often, and whether they are to be closed behind it. */
const queued = new WeakMap<RawHandle, { times: number; closeAsked: boolean }>()

/** Puts off the handle's `close` until `request`, and every other that it stands in, has ended. */
function holdOpen(handle: RawHandle, request: WriteRequest): void {
  const held = queued.get(handle) ?? { times: 0, closeAsked: false }
  held.times++
  queued.set(handle, held)
  Reflect.set(handle, 'close', () => {
    held.closeAsked = true
  })
  request.oncomplete = (): void => {
    if (--held.times > 0) return
    queued.delete(handle)
    // The handle's own is its prototype's.
    Reflect.deleteProperty(handle, 'close')
    if (held.closeAsked) handle.close()
  }
}

function closePending(channel: ChannelHandle, handle: RawHandle): void {
  channel.pendingHandle = null
  handle.close()
}

function isChannelHandle(value: unknown): value is ChannelHandle {
  if (typeof value !== 'object' || value === null) return false
  const has = (name: string): boolean => typeof Reflect.get(value, name) === 'function'
  return has('onread') && has('writeUtf8String') && 'pendingHandle' in value
}

function isChannelBinding(value: object): value is ChannelBinding {
  return (
    typeof Reflect.get(value, 'WriteWrap') === 'function' &&
    Reflect.get(value, 'streamBaseState') instanceof Int32Array &&
    typeof Reflect.get(value, 'kReadBytesOrError') === 'number' &&
    typeof Reflect.get(value, 'kArrayBufferOffset') === 'number' &&
    typeof Reflect.get(value, 'kLastWriteWasAsync') === 'number'
  )
}
