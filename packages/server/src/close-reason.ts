/**
 * Owns why a connection ended: one number for the hot path, one name and one class for log, metric and test.
 * Must not know: connections.
 * Invariant: every connection ends with exactly one of these; a number is never reused, and each has its class.
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
  /** It went on past its message rate for 10 s. */
  'RATE_LIMITED',
  /** Its TLS handshake, or what the service wants before it lets it in, was not done in time. */
  'HANDSHAKE_TIMEOUT',
  /** It does not speak TLS, or none that we speak too. */
  'HANDSHAKE_FAILED',
  /** The peer left before its TLS handshake was done. */
  'HANDSHAKE_ABANDONED',
  /** Its certificate is missing, not valid, or of somebody who may not come in. */
  'PEER_NOT_ALLOWED',
  /** It was as old as SHARDWIRE_MAX_CONNECTION_AGE_MS allows: GOAWAY was sent, and what was in flight answered. */
  'MAX_AGE',
  /** No HELLO came first where the service authenticates, or it did not let the client in. */
  'UNAUTHENTICATED',
  /** The service's onConnect refused it. */
  'SERVICE_REFUSED',
  /** A hook of the service failed, logged with its stack. */
  'SERVICE_FAILED',
  /** The service closed it, in order. */
  'SERVICE_CLOSED',
  /** The service reset it. */
  'SERVICE_RESET',
  /** A message got an error, on a listener whose codec has no form for errors (line, raw): it is told by the close. */
  'ERROR_UNSPOKEN',
  /** The operator closed it. */
  'ADMIN_CLOSED',
] as const

export type CloseReasonName = (typeof CLOSE_REASONS)[number]

/** Numbers by name: `CloseReason.PEER_ENDED`. */
export const CloseReason = Object.freeze(
  Object.fromEntries(CLOSE_REASONS.map((name, code) => [name, code])),
) as Readonly<Record<CloseReasonName, number>>

/**
 * Who is to look: nobody (normal), nobody unless it is many (transient: the network, or a client that vanished),
 * whoever wrote the client (protocol), whoever set the limit or runs into it (limit), we (system).
 */
export type CloseClass = 'normal' | 'transient' | 'protocol' | 'limit' | 'system'

export const CLOSE_CLASSES: Readonly<Record<CloseReasonName, CloseClass>> = {
  OPEN: 'system',
  PEER_ENDED: 'normal',
  TRUNCATED: 'transient',
  PEER_RESET: 'transient',
  BAD_FRAME: 'protocol',
  BAD_CRC: 'protocol',
  FRAME_TOO_LARGE: 'protocol',
  BAD_PROTOCOL_VERSION: 'protocol',
  FRAME_TIMEOUT: 'limit',
  IDLE_TIMEOUT: 'normal',
  HEARTBEAT_TIMEOUT: 'transient',
  SLOW_CONSUMER: 'limit',
  WRITE_TIMEOUT: 'transient',
  BUFFER_LIMIT: 'limit',
  DRAINED: 'normal',
  DRAIN_DEADLINE: 'system',
  DISOWNED: 'system',
  INTERNAL: 'system',
  RATE_LIMITED: 'limit',
  MAX_AGE: 'normal',
  UNAUTHENTICATED: 'protocol',
  SERVICE_REFUSED: 'limit',
  SERVICE_FAILED: 'system',
  SERVICE_CLOSED: 'normal',
  SERVICE_RESET: 'normal',
  HANDSHAKE_TIMEOUT: 'limit',
  HANDSHAKE_FAILED: 'protocol',
  HANDSHAKE_ABANDONED: 'transient',
  PEER_NOT_ALLOWED: 'protocol',
  ERROR_UNSPOKEN: 'system',
  ADMIN_CLOSED: 'normal',
}

export function closeReasonName(code: number): CloseReasonName {
  return CLOSE_REASONS[code] ?? 'INTERNAL'
}

/** The reason that is called as an error is; `otherwise` where none is. */
export function reasonNamed(name: string, otherwise: number): number {
  return (CLOSE_REASONS as readonly string[]).includes(name) ? CloseReason[name as CloseReasonName] : otherwise
}
