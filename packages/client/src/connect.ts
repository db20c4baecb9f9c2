/**
 * Owns the way from options to a connection that is ready for requests.
 * Must not know: how dialling works, how HELLO is laid out.
 * Invariant: what rejects leaves no socket behind; one deadline and one signal hold over all phases.
 */
import { ClientConnection } from './connection.ts'
import type { Connection } from './connection-api.ts'
import { ConnectAttempt, dial } from './dial.ts'
import { completeOptions } from './options.ts'
import type { ConnectOptions } from './options.ts'

/**
 * Connects and, unless `hello` is false, says HELLO and waits for the WELCOME.
 *
 *     await using connection = await connect({ host: '127.0.0.1', port: 4000 })
 *     const answer = await connection.request(1, new TextEncoder().encode('hello'))
 *
 * Rejects with a ClientError: INVALID_OPTION, CONNECT_FAILED, CONNECT_TIMEOUT, ABORTED, CONNECTION_LOST or
 * PROTOCOL_VIOLATION before the WELCOME; or with the ShardwireError that the server answers instead of it.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const complete = completeOptions(options)
  using attempt = new ConnectAttempt(complete)
  const connection = await dial(complete, attempt, (socket) => new ClientConnection(socket, complete))
  if (complete.helloFrame !== undefined) await greet(connection, complete.helloFrame, attempt)
  return connection
}

async function greet(connection: ClientConnection, helloFrame: Uint8Array, attempt: ConnectAttempt): Promise<void> {
  attempt.phase = 'hello'
  attempt.onFailure = (error) => {
    connection.destroy(error)
  }
  try {
    await connection.greet(helloFrame)
  } catch (error) {
    connection.destroy(error)
    await connection.closed
    throw attempt.failure ?? error
  }
}
