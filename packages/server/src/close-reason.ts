/**
 * Owns why a connection ended: one number for the hot path, one name for log, metric and test.
 * Must not know: connections.
 * Invariant: every connection ends with exactly one of these; a number is never reused.
 */

export const CLOSE_REASONS = [
  'OPEN',
  /** The peer sent FIN and got every answer. */
  'PEER_ENDED',
  /** The peer sent FIN in the middle of a frame. */
  'TRUNCATED',
  /** The peer, or the network, reset the connection. */
  'PEER_RESET',
  'BAD_FRAME',
  'BAD_CRC',
  'FRAME_TOO_LARGE',
  /** HELLO asked for a version of the protocol that is not spoken here. */
  'BAD_PROTOCOL_VERSION',
  /** A frame took longer than the frame timeout from its first byte to its last. */
  'FRAME_TIMEOUT',
  'IDLE_TIMEOUT',
  /** PINGs went unanswered for interval x (misses + 1). */
  'HEARTBEAT_TIMEOUT',
  /** Unsent bytes stayed above the mark for too long. */
  'SLOW_CONSUMER',
  /** Unsent bytes made no progress at all. */
  'WRITE_TIMEOUT',
  /** The worker's buffer budget did not allow a ring or a write buffer. */
  'BUFFER_LIMIT',
  /** Ended by a drain, everything in flight answered. */
  'DRAINED',
  /** Still busy at the deadline of a drain. */
  'DRAIN_DEADLINE',
  /** The socket had meanwhile been given to another worker. */
  'DISOWNED',
  /** A fault of this server, logged with its stack. */
  'INTERNAL',
] as const

export type CloseReasonName = (typeof CLOSE_REASONS)[number]

/** Numbers by name: `CloseReason.PEER_ENDED`. */
export const CloseReason = Object.freeze(
  Object.fromEntries(CLOSE_REASONS.map((name, code) => [name, code])),
) as Readonly<Record<CloseReasonName, number>>

export function closeReasonName(code: number): CloseReasonName {
  return CLOSE_REASONS[code] ?? 'INTERNAL'
}
