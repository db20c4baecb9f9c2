/**
 * Owns the state of one connection: plain numbers and a few references, small because there are many.
 * Must not know: how bytes are read or written, what a handler is.
 * Invariant: every field exists from the constructor on, so that all connections share one shape; what concerns the
 * socket is in `transport`, all else could be written down and carried to another worker.
 */
import type { DecodedStream, FrameDecoder, Hello, RingBuffer } from '@shardwire/protocol'
import type { Connection as ConnectionOfService, SessionClient } from '../service/connection.ts'
import type { SpokenCodec } from '../codec/spoken-codec.ts'
import type { TlsPeer } from '../service/tls-peer.ts'
import type { SocketSettings, Transport } from '../transport/transport.ts'
import { Deadline } from './deadline.ts'
import type { ClientAddress } from './proxy-header.ts'

/** TLS is being agreed on: nothing of ours was read or sent yet. */
export const STATE_HANDSHAKE = -1
/** Reads, dispatches, answers. */
export const STATE_OPEN = 0
/** Takes no new work; what is in flight is still answered, then our FIN goes out. */
export const STATE_ENDING = 1
/** Our FIN is on its way; what still comes is thrown away until the peer's FIN. */
export const STATE_FINISHED = 2
export const STATE_CLOSED = 3

/** Reading is paused because too much is unsent. */
export const HOLD_WRITE = 1
/** Reading is paused until the next turn of the loop: the connection had its share of this one. */
export const HOLD_TURN = 2
/** Reading is paused until the service has let it in. */
export const HOLD_GREETING = 4

/** An ordered codec: what comes is served once the message before it has been answered. Reading goes on until then. */
export const HOLD_ANSWER = 8

/** What is told of a connection in the log once it is closed. */
export interface CloseNote {
  /** `address:port`; undefined where the socket had none any more. */
  readonly peer: string | undefined
  /** What the ERROR said that it ended with. */
  detail: string | undefined
}

/** What is remembered of a connection so that its frames, and the errors for them, stay within their rates. */
export interface RateState {
  /** When its bucket of messages is full again, and that of control frames. */
  messagesFullAtMs: number
  controlsFullAtMs: number
  /** Since when it is over its rate without a pause, and when it was last. */
  overSinceMs: number
  overAtMs: number
  /** When it was last told that a MESSAGE was refused. */
  toldAtMs: number
}

/** What all connections of one listener share. */
export interface Listener {
  readonly index: number
  readonly decoder: FrameDecoder
  /** What is spoken instead of frames; null where those are. */
  readonly codec: SpokenCodec | null
  readonly heartbeatMs: number
  readonly heartbeatMisses: number
  readonly idleTimeoutMs: number
  readonly frameTimeoutMs: number
  /** Whether TLS comes before frames. */
  readonly isTls: boolean
  /** Whether its clients may say HELLO. */
  readonly greets: boolean
  /** What a socket is given that was not born with it. */
  readonly settings: SocketSettings
}

/** A handler that has not answered yet, as its connection knows it. */
export interface InFlight {
  /** Nobody waits any more: the handler is told, and what it returns is dropped. */
  abandon(reason: Error): void
}

/** What stands between a connection's opening and its first request, where the service has a say in it. */
export interface Greeting {
  /** HELLO came. @param welcome what it is answered with once the service lets it in */
  hello(hello: Hello, welcome: Uint8Array): void
  /** It can be served no more. */
  ended(): void
}

/** What a service holds of a connection, as the worker's parts know it. What it leads to happens in a microtask. */
export interface Served extends ConnectionOfService {
  /** Whether the service waits for an answer of the client. */
  readonly isAsking: boolean
  /** A RESPONSE or ERROR came. @returns false when nobody waits for it */
  answered(decoder: FrameDecoder, memory: Uint8Array): boolean
  /** Everything unsent has left. */
  drainedNow(): void
  /** The peer will send no more. */
  unheard(): void
  /** Nothing can be sent any more. */
  ended(): void
  /** The service has taken it in, and is to be told of its end. */
  connected(): void
}

/** Blocks that unfinished writes still read from, in the order they were written. */
export interface Parked {
  readonly blocks: Uint8Array[]
  /** Bytes of the last block that are written; what follows them is free. */
  tailBytes: number
}

/** Who the worker is: the same for all of its connections. */
export interface ShardIdentity {
  /** Slot of the worker, from 0, kept when it is replaced. */
  readonly slot: number
  /** Names this life of the worker; no two lives of any worker share one. */
  readonly epoch: string
}

export class Connection extends Deadline implements DecodedStream {
  brokenCode = 0
  state: number = STATE_OPEN
  /** One of CloseReason; 0 until it is decided. */
  closeReason = 0
  /** HOLD_ bits: while any is set nothing is read and nothing dispatched. */
  hold = 0
  /** The peer sent FIN. */
  peerEnded = false
  /** Our FIN has left. */
  finLeft = false
  /** GOAWAY was sent: a REQUEST is answered DRAINING. */
  draining = false
  /** Whether a frame was received: HELLO may only be the first. */
  greeted = false
  /** PINGs sent since the last byte came. */
  pingsUnanswered = 0
  lastReadMs: number
  lastMessageMs: number
  /** When the frame that is cut began; 0 while none is. */
  frameStartedMs = 0
  /** Since when more is unsent than allowed; 0 while it is not. */
  aboveMarkSinceMs = 0
  /** Bytes handed to the kernel when we last looked, and when that was: for the write deadline. */
  flushedBytes = 0
  flushedAtMs = 0
  /** Moment at which a connection that is drained, or FINISHED, ends whatever it does; 0 for none. */
  endByMs = 0
  /** Holds the bytes of a cut frame; null while none is. */
  ring: RingBuffer | null = null
  /** Handlers in flight: by id for REQUESTs, by a negative number for MESSAGEs. */
  calls: Map<number, InFlight> | null = null
  /** Blocks that unfinished writes still read from. */
  parked: Parked | null = null
  /** What of the worker's buffer budget it has: its ring and its parked blocks, each with what it takes beside. */
  lentBytes = 0
  /** It was reset because that budget was spent. */
  isShed = false
  /** When the last PING was sent. */
  lastPingMs = 0
  /** PINGs that no PONG has come for, and the last round trip that was measured; -1 before there is one. */
  pongsDue = 0
  roundTripUs = -1
  /** Null while no rate is asked for: see `message-rate.ts`. */
  rate: RateState | null = null
  /** For whom a proxy connected; undefined where the peer is the client. */
  client: ClientAddress | undefined = undefined
  /** When it is told to connect anew, 0 for never; once it was, below 0, when it is ended whatever it does. */
  ageByMs = 0
  bytesIn = 0
  framesIn = 0
  /** Its place in the trail of frame headers. */
  trail = -1
  /** Bytes both ways at the last look for who talks most, modulo 2^32. */
  talkedBytes = 0
  readonly openedAtMs: number
  /** Null while nothing is to be told of it. */
  closeNote: CloseNote | null = null
  /** What the codec of its listener knows of a message that is cut. */
  codecState: unknown = undefined
  /** What tells answers apart whose handlers run, by number of the call; null while none does. */
  tags: Map<number, unknown> | null = null
  /** Who is at the other end, where TLS is spoken. */
  tls: TlsPeer | undefined = undefined
  /** What the service sees of it; null until it asks. */
  served: Served | null = null
  /** Null once it is let in. */
  greeting: Greeting | null = null
  /** What the client calls itself, once its HELLO was answered by WELCOME; null before, and without one. */
  said: SessionClient | null = null
  readonly sequence: number
  readonly listener: Listener
  readonly transport: Transport<Connection>
  readonly #shard: ShardIdentity
  readonly #onExpired: (connection: Connection, nowMs: number) => void

  constructor(
    shard: ShardIdentity,
    sequence: number,
    listener: Listener,
    transport: Transport<Connection>,
    nowMs: number,
    onExpired: (connection: Connection, nowMs: number) => void,
  ) {
    super()
    this.#shard = shard
    this.sequence = sequence
    this.listener = listener
    this.transport = transport
    this.lastReadMs = this.lastMessageMs = this.openedAtMs = nowMs
    this.#onExpired = onExpired
  }

  get id(): string {
    return `${this.#shard.epoch}-${this.sequence.toString(36)}`
  }
  get shard(): number {
    return this.#shard.slot
  }
  get remoteAddress(): string | undefined {
    return this.client === undefined ? this.transport.remoteAddress : this.client.address
  }
  get remotePort(): number | undefined {
    return this.client === undefined ? this.transport.remotePort : this.client.port
  }
  get callsInFlight(): number {
    return this.calls === null ? 0 : this.calls.size
  }

  override expired(nowMs: number): void {
    this.#onExpired(this, nowMs)
  }
}
