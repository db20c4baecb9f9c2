/**
 * Owns what a call of a test is told of a connection that has ended: what a client would be told.
 * Must not know: connections.
 */
import { ERROR_TABLE, ShardwireError } from '@shardwire/protocol'

/** The names of the client's own errors: it was lost with the call on it, or had ended before. */
export type EndName = 'CONNECTION_LOST' | 'CONNECTION_CLOSED'

/** No ERROR said it: not a ShardwireError at a client either, and called as its ClientError is. */
class EndedError extends Error {
  override readonly name: EndName
  /** The same as `name`. */
  readonly code: EndName
  readonly retryable = true

  constructor(name: EndName, message: string) {
    super(message)
    this.name = name
    this.code = name
  }
}

/** @param reason as the server counts it: where it is the name of an error, that is what ended the connection */
export function endedError(reason: string, name: EndName): Error {
  const text = `the connection ended: ${reason}`
  const row = ERROR_TABLE.find((one) => one.name === reason)
  return row === undefined ? new EndedError(name, text) : new ShardwireError(row.code, text)
}
