/**
 * Owns one connection to the target: from the dial through HELLO to the end, what is sent on it and what comes back.
 * Must not know: which frames are mirrored, when to dial again.
 * Invariant: it is ready only between WELCOME and GOAWAY or the end, and takes frames only then. It ends exactly once;
 * every frame that it took is told to be sent or lost by then. It never throws into a read or a timer, and never keeps
 * the process alive.
 */
import {
  decodeErrorBody,
  encodeErrorBody,
  encodeHello,
  frameBytesOf,
  type FrameDecoder,
  type Goaway,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_REQUEST,
  KIND_RESPONSE,
  OPCODE_GOAWAY,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_WELCOME,
  parseGoaway,
  parseWelcome,
  PROTOCOL_VERSION,
  ShardwireError,
  UNKNOWN_ROUTE,
  writeFrame,
} from '@shardwire/protocol'
import type { Socket } from 'node:net'
import type { MirrorTarget } from '../../config/mirror-address.ts'
import { Deadline, type DeadlineWheel } from '../deadline.ts'
import { dialTarget } from './mirror-dial.ts'
import { MirrorInbound } from './mirror-inbound.ts'
import { SendQueue } from './send-queue.ts'

/** By this name a server knows that what comes was mirrored once, and does not mirror it on. */
export const MIRROR_CLIENT_NAME = 'shardwire-mirror'
/** From the dial to WELCOME. */
export const MIRROR_CONNECT_MS = 5000
/** Bytes that the target does not take for so long end the connection. */
export const MIRROR_STALL_MS = 10_000
/** After GOAWAY, for answers that are under way; less if the target says so. */
const LINGER_MS_MAX = 5000
const READ_BYTES = 65_536
/** So much is read before the loop serves others. */
const TURN_BYTES = 262_144
/** Of one write: how far it has come is seen in steps of this. */
const WRITE_BYTES = 65_536

const CONNECTING = 0
const READY = 1
/** After GOAWAY: answers still come. */
const LEAVING = 2
const ENDED = 3

const HELLO = encodeHello({ protocol: PROTOCOL_VERSION, name: MIRROR_CLIENT_NAME })
const NOT_SERVED = encodeErrorBody(new ShardwireError(UNKNOWN_ROUTE, 'a mirror serves no requests'))

export interface MirrorLinkParts {
  readonly target: MirrorTarget
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  readonly frameBytesMax: number
  readonly queueBytesMax: number
  readonly events: MirrorLinkEvents
}

export interface MirrorLinkEvents {
  /** WELCOME came. */
  onReady(link: MirrorLink): void
  /** An answer came; the decoder's fields hold until it returns. */
  onAnswer(decoder: FrameDecoder, memory: Uint8Array): void
  /** The target asks to leave: nothing more is taken. */
  onGoaway(link: MirrorLink, goaway: Goaway): void
  onSent(frames: number): void
  onLost(frames: number): void
  onEnded(link: MirrorLink, why: string): void
  /** A fault of this server, which ended the link. */
  onFault(error: unknown): void
}

export class MirrorLink extends Deadline {
  /** When WELCOME came; undefined before. */
  readyAtMs: number | undefined
  /** Largest payload that the target takes. */
  payloadBytesMax = 0
  readonly queue: SendQueue
  readonly #parts: MirrorLinkParts
  readonly #socket: Socket
  readonly #inbound: MirrorInbound
  #state = CONNECTING
  #flushIsDue = false
  /** Bytes of the write that is under way; 0 while none is. */
  #writingBytes = 0
  #writingSinceMs = 0
  #turnBytes = 0
  #serverError = ''
  readonly #onWritten = (): void => this.#written()

  constructor(parts: MirrorLinkParts) {
    super()
    this.#parts = parts
    this.queue = new SendQueue(parts.queueBytesMax)
    this.#inbound = new MirrorInbound(parts.frameBytesMax, (decoder, memory) => this.#frame(decoder, memory))
    const onread = {
      buffer: new Uint8Array(READ_BYTES),
      callback: (bytes: number, memory: Uint8Array): boolean => this.#read(memory, bytes),
    }
    const { socket, connected } = dialTarget(parts.target, onread)
    this.#socket = socket
    this.#socket.unref()
    this.#socket.on(connected, () => this.#socket.write(HELLO))
    this.#socket.on('error', (error) => this.#end(briefly(error)))
    this.#socket.on('end', () => this.#end(this.#reasonOfFin()))
    this.#socket.on('close', () => this.#end('the socket was closed'))
    parts.wheel.schedule(this, parts.nowMs() + MIRROR_CONNECT_MS)
  }

  get isReady(): boolean {
    return this.#state === READY
  }

  /** What is in the queue is written in this turn of the loop, together with what still comes in it. */
  flushSoon(): void {
    if (this.#flushIsDue) return
    this.#flushIsDue = true
    setImmediate(flushLink, this)
  }

  /** For `flushSoon` only. */
  flush(): void {
    this.#flushIsDue = false
    if (this.#state === CONNECTING || this.#state === ENDED) return
    const bytes = this.queue.next(WRITE_BYTES)
    if (bytes === undefined) return this.#finishIfLeaving()
    this.#writingBytes = bytes.length
    this.#writingSinceMs = this.#parts.nowMs()
    if (this.#parts.wheel.dueMs(this) === undefined) this.#scheduleStall()
    this.#socket.write(bytes, this.#onWritten)
  }

  /** Ends it at once. */
  close(why: string): void {
    this.#end(why)
  }

  override expired(nowMs: number): void {
    if (this.#state === CONNECTING) this.#end(`no WELCOME within ${MIRROR_CONNECT_MS} ms`)
    else if (this.#state === LEAVING) this.#end('it was told to leave')
    else if (this.#writingBytes > 0 && nowMs - this.#writingSinceMs >= MIRROR_STALL_MS) {
      this.#end(`nothing was taken for ${MIRROR_STALL_MS} ms`)
    } else if (this.#writingBytes > 0) this.#scheduleStall()
  }

  #scheduleStall(): void {
    this.#parts.wheel.schedule(this, this.#writingSinceMs + MIRROR_STALL_MS)
  }

  #written(): void {
    // Node also calls this for a write that a destroyed socket never made.
    if (this.#state === ENDED) return
    const bytes = this.#writingBytes
    this.#writingBytes = 0
    this.#parts.events.onSent(this.queue.taken(bytes))
    this.flush()
  }

  /** @returns false to read on in a later turn */
  #read(memory: Uint8Array, bytes: number): boolean {
    if (this.#state === ENDED) return true
    try {
      this.#inbound.feed(memory, bytes)
      if (this.#inbound.broken !== undefined) this.#end(`it sent what is no frame: ${this.#inbound.broken}`)
    } catch (error) {
      this.#parts.events.onFault(error)
      this.#end('a fault of this server')
    }
    this.#turnBytes += bytes
    if (this.#turnBytes < TURN_BYTES) return true
    this.#turnBytes = 0
    setImmediate(readOn, this.#socket)
    return false
  }

  #frame(decoder: FrameDecoder, memory: Uint8Array): void {
    const { kind, id, route } = decoder
    if (this.#state === ENDED) return
    if (kind === KIND_CONTROL) this.#control(decoder, memory)
    else if (kind === KIND_REQUEST) this.#reply(KIND_ERROR, route, id, NOT_SERVED, 0, NOT_SERVED.length)
    else if (kind === KIND_ERROR && id === 0 && route === 0) this.#serverError = errorText(decoder, memory)
    else if (kind === KIND_ERROR || kind === KIND_RESPONSE) this.#parts.events.onAnswer(decoder, memory)
  }

  #control({ route, bodyStart, bodyEnd }: FrameDecoder, memory: Uint8Array): void {
    if (route === OPCODE_PING) this.#reply(KIND_CONTROL, OPCODE_PONG, 0, memory, bodyStart, bodyEnd)
    else if (route === OPCODE_WELCOME) this.#welcome(parseWelcome(memory, bodyStart, bodyEnd)?.maxFrameBytes)
    else if (route === OPCODE_GOAWAY) this.#goaway(parseGoaway(memory, bodyStart, bodyEnd))
  }

  #welcome(payloadBytesMax: number | undefined): void {
    if (payloadBytesMax === undefined) return this.#end('it sent a WELCOME that is none')
    if (this.#state !== CONNECTING) return
    this.#state = READY
    this.#parts.wheel.cancel(this)
    this.payloadBytesMax = payloadBytesMax
    this.readyAtMs = this.#parts.nowMs()
    this.#parts.events.onReady(this)
  }

  /** What was not begun to be sent is dropped; for what was, answers may come until the target closes. */
  #goaway(goaway: Goaway | undefined): void {
    if (goaway === undefined) return this.#end('it sent a GOAWAY that is none')
    if (this.#state !== READY) return this.#end(`GOAWAY (${goaway.reason})`)
    this.#state = LEAVING
    const { events, wheel, nowMs } = this.#parts
    wheel.schedule(this, nowMs() + Math.min(LINGER_MS_MAX, goaway.deadlineMs))
    events.onLost(this.queue.dropWaiting())
    events.onGoaway(this, goaway)
    this.#finishIfLeaving()
  }

  #finishIfLeaving(): void {
    if (this.#state === LEAVING && this.queue.isEmpty) this.#socket.end()
  }

  /** Answers the target, unless it does not read: then it would not read this either. */
  #reply(kind: number, route: number, id: number, body: Uint8Array, start: number, end: number): void {
    if (this.#socket.writableEnded) return
    const bytes = frameBytesOf(kind, end - start)
    const room = this.queue.reserve(bytes)
    if (room === undefined) return
    writeFrame(room.memory, room.end, kind, route, id, body, start, end)
    this.queue.commit(bytes, 0)
    this.flushSoon()
  }

  #reasonOfFin(): string {
    if (this.#state === LEAVING) return 'it left after GOAWAY'
    return this.#serverError === '' ? 'it closed the connection' : `it closed the connection: ${this.#serverError}`
  }

  #end(why: string): void {
    if (this.#state === ENDED) return
    this.#state = ENDED
    const { wheel, events } = this.#parts
    wheel.cancel(this)
    const { connecting, readableEnded, writableFinished } = this.#socket
    // A reset of a socket that is still being connected would wait for that; of TLS and pipes there is none. Otherwise
    // the kernel is to keep nothing.
    if (this.#parts.target.scheme !== 'tcp' || connecting || (readableEnded && writableFinished)) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
    events.onLost(this.queue.abandon())
    events.onEnded(this, why)
  }
}

/** An attempt at several addresses fails with an error that has no message, but a code. */
function briefly(error: Error): string {
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}

function errorText({ bodyStart, bodyEnd }: FrameDecoder, memory: Uint8Array): string {
  const { name, message } = decodeErrorBody(memory, bodyStart, bodyEnd)
  return `${name}: ${message}`
}

function flushLink(link: MirrorLink): void {
  link.flush()
}

function readOn(socket: Socket): void {
  socket.resume()
}
