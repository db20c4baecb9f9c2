/**
 * Owns a second opinion on the demo service over a whole stream: which frames come back, and why the connection ends.
 * Must not know: the daemon under test. Frames are read by the protocol's own oracle, not by the decoder.
 * Invariant: what depends on when something happens (the sleep route, and digest, which runs in a thread) makes no
 * prediction; `isExact` says so.
 */
import * as protocol from '@shardwire/protocol'
import { decodeStream, type OracleFrame } from '../../../protocol/test/support/oracle-decoder.ts'
import { isOneValue } from '../../../protocol/test/support/oracle-msgpack.ts'
import type { CloseReasonName } from '../../src/close-reason.ts'

/** One frame that must come back. */
export interface ExpectedFrame {
  readonly kind: number
  readonly route: number
  readonly id: number
  /** Of an ERROR. */
  readonly code?: number
  /** Hex; undefined where it cannot be known. */
  readonly body?: string
}

export interface Prediction {
  readonly frames: readonly ExpectedFrame[]
  /** If the peer ends with FIN. */
  readonly reason: CloseReasonName
  readonly isExact: boolean
}

type Step = ExpectedFrame | undefined | { readonly ends: CloseReasonName; readonly code: number }

const ECHO = 1
const GREET = 2
const DIGEST = 3
const SLEEP = 4
const FAIL = 5

/** What the demo service makes of a stream. */
export function predict(stream: Uint8Array, frameBytesMax: number): Prediction {
  const decoded = decodeStream(stream, frameBytesMax)
  const frames: ExpectedFrame[] = []
  let isExact = true
  let isFirst = true
  const broken = (reason: CloseReasonName, code: number): Prediction => {
    frames.push({ kind: protocol.KIND_ERROR, route: 0, id: 0, code })
    return { frames, reason, isExact }
  }
  for (const frame of decoded.frames) {
    if (mayWait(frame)) isExact = false
    const step = stepOf(frame, isFirst)
    if (step !== undefined && 'ends' in step) return broken(step.ends, step.code)
    if (step !== undefined) frames.push(step)
    if (frame.kind !== protocol.KIND_CONTROL || frame.route !== protocol.OPCODE_PING) isFirst = false
  }
  const { code } = decoded
  if (code !== 0) return broken(protocol.errorName(code) as CloseReasonName, code)
  return { frames, reason: decoded.rest > 0 ? 'TRUNCATED' : 'PEER_ENDED', isExact }
}

const BAD_FRAME = { ends: 'BAD_FRAME', code: protocol.BAD_FRAME } as const

function mayWait({ kind, route, body }: OracleFrame): boolean {
  const asks = kind === protocol.KIND_MESSAGE || kind === protocol.KIND_REQUEST
  return asks && (route === DIGEST || (route === SLEEP && bodyMap(body)?.['ms'] !== undefined))
}

function stepOf(frame: OracleFrame, isFirst: boolean): Step {
  if (frame.kind === protocol.KIND_CONTROL) return control(frame, isFirst)
  if (frame.kind !== protocol.KIND_MESSAGE && frame.kind !== protocol.KIND_REQUEST) return undefined
  const deadlineMs = deadlineOf(frame)
  if (deadlineMs === 'bad') return BAD_FRAME
  if (frame.route < ECHO || frame.route > FAIL) return error(frame, protocol.UNKNOWN_ROUTE)
  if (deadlineMs === 0) {
    return frame.kind === protocol.KIND_MESSAGE ? undefined : error(frame, protocol.DEADLINE_EXCEEDED)
  }
  return served(frame)
}

function served(frame: OracleFrame): Step {
  switch (frame.route) {
    case ECHO:
      return { ...answer(frame), body: frame.body }
    case GREET:
      return typeof bodyMap(frame.body)?.['val'] === 'string' ? answer(frame) : error(frame, protocol.BAD_BODY)
    case DIGEST:
      return undefined
    case SLEEP:
      return mayWait(frame) ? undefined : error(frame, protocol.BAD_BODY)
    default:
      return error(frame, protocol.HANDLER_FAILED)
  }
}

function control({ route, body }: OracleFrame, isFirst: boolean): Step {
  const bytes = Buffer.from(body, 'hex')
  if (route === protocol.OPCODE_PING) return { kind: protocol.KIND_CONTROL, route: protocol.OPCODE_PONG, id: 0, body }
  if (route === protocol.OPCODE_PONG) return undefined
  if (route === protocol.OPCODE_WELCOME || route === protocol.OPCODE_GOAWAY) return BAD_FRAME
  if (route !== protocol.OPCODE_HELLO) {
    return { kind: protocol.KIND_ERROR, route: 0, id: 0, code: protocol.NOT_IMPLEMENTED }
  }
  const hello = isFirst ? protocol.parseHello(bytes, 0, bytes.length) : undefined
  if (hello === undefined) return BAD_FRAME
  if (hello.protocol !== 1) return { ends: 'BAD_PROTOCOL_VERSION', code: protocol.NOT_IMPLEMENTED }
  return { kind: protocol.KIND_CONTROL, route: protocol.OPCODE_WELCOME, id: 0 }
}

function answer({ kind, route, id }: OracleFrame): ExpectedFrame {
  const isRequest = kind === protocol.KIND_REQUEST
  return { kind: isRequest ? protocol.KIND_RESPONSE : protocol.KIND_MESSAGE, route, id }
}

function error({ route, id }: OracleFrame, code: number): ExpectedFrame {
  return { kind: protocol.KIND_ERROR, route, id, code }
}

function deadlineOf({ meta }: OracleFrame): number | undefined | 'bad' {
  if (meta === undefined) return undefined
  const block = Buffer.from(meta, 'hex')
  try {
    return protocol.parseMetadata(block, 0, block.length).deadlineMs
  } catch (fault) {
    if (fault instanceof protocol.ShardwireError) return 'bad'
    throw fault
  }
}

function bodyMap(hex: string): Record<string, unknown> | undefined {
  const bytes = Buffer.from(hex, 'hex')
  if (!isOneValue(bytes, protocol.BODY_LIMITS_DEFAULT)) return undefined
  const value = protocol.decodeBody(bytes, 0, bytes.length)
  return protocol.isRecord(value) ? value : undefined
}
