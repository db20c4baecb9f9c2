/**
 * Owns one connection: its state, and what its verbs and the server's frames do to it.
 * Must not know: how a socket came to be connected, how bytes and frames are laid out.
 * Invariant: the state only moves on (open, draining, closing, finishing, dead); from `dead` on nothing is pending;
 * `closed` settles once, when the socket is gone.
 */
import {
  decodeBody,
  encodeBody,
  encodeMetadata,
  frameBytesOf,
  FRAME_OVERHEAD_BYTES,
  KIND_CANCEL,
  KIND_MESSAGE,
  KIND_REQUEST,
  META_LENGTH_BYTES,
  ROUTE_MAX,
} from '@shardwire/protocol'
import type { CancelTimer, Goaway, ShardwireError, Welcome } from '@shardwire/protocol'
import type { Socket } from 'node:net'
import { briefly, ClientError } from './client-error.ts'
import type { ClientErrorCode } from './client-error.ts'
import type {
  CloseInfo,
  Connection,
  ConnectionEnd,
  ConnectionStats,
  Message,
  RequestOptions,
  SendOptions,
} from './connection-api.ts'
import { Inbound } from './inbound.ts'
import { checkDelayMs, integer } from './options.ts'
import type { CompleteOptions } from './options.ts'
import { Outbound } from './outbound.ts'
import { PendingRequests } from './pending-requests.ts'
import { ServerFrames } from './server-frames.ts'

/** Takes everything. */
const OPEN = 0
/** GOAWAY came: no new requests, MESSAGEs still. */
const DRAINING = 1
/** close() was called: waits for the answers in flight. */
const CLOSING = 2
/** FIN was sent, or is behind what waits to be sent. */
const FINISHING = 3
/** Nothing is pending; the socket is gone, or about to be. */
const DEAD = 4

const NO_BYTES = new Uint8Array(0)
const NO_OPTIONS: RequestOptions = Object.freeze({})

export class ClientConnection implements Connection {
  readonly closed: Promise<CloseInfo>
  onMessage: ((message: Message) => void) | undefined
  readonly #options: CompleteOptions
  readonly #socket: Socket
  readonly #pending: PendingRequests
  readonly #outbound: Outbound
  readonly #inbound: Inbound
  #state = OPEN
  #end: ConnectionEnd = 'closed'
  #closeInfo: CloseInfo | undefined
  #welcome: Welcome | undefined
  #goaway: Goaway | undefined
  /** Present while HELLO waits for its WELCOME. */
  #greeting: PromiseWithResolvers<Welcome> | undefined
  /** What the server said about the connection last: most likely why it then ended it. */
  #serverError: ShardwireError | undefined
  #cancelCloseTimer: CancelTimer | undefined
  #messagesUnheard = 0
  /** Largest payload that may be sent. */
  #frameBytesMax: number
  /** The metadata block of the last deadline alone, as most requests have the same. */
  #deadlineBlock: Uint8Array = NO_BYTES
  #deadlineBlockMs = 0
}
