/**
 * Owns the way from options to a connection that is ready for requests.
 * Must not know: how dialling works, how HELLO is laid out.
 * Invariant: what rejects leaves no socket behind; one deadline and one signal hold over all phases.
 */
import { ClientError } from './client-error.ts'
import { ClientConnection } from './connection.ts'
import type { Connection } from './connection-api.ts'
import type { ConnectAttempt } from './dial/connect-attempt.ts'
import { beginAttempt, dial } from './dial/dial.ts'
import { completeOptions } from './options.ts'
import type { ConnectOptions } from './options.ts'
import { isAlert, refusalText } from './tls/handshake.ts'

/**
 * Connects and, unless `hello` is false, says HELLO and waits for the WELCOME.
 *
 *     await using connection = await connect({ host: '127.0.0.1', port: 4000 })
 *     const answer = await connection.request(1, new TextEncoder().encode('hello'))
 *
 * Rejects with a ClientError: INVALID_OPTION, CONNECT_FAILED, CONNECT_TIMEOUT, TLS_FAILED, ABORTED, CONNECTION_LOST or
 * PROTOCOL_VIOLATION before the WELCOME; or with the ShardwireError that the server answers instead of it.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const complete = completeOptions(options)
  using attempt = beginAttempt(complete)
  const connection = await dial(complete, attempt, async (dialed) => {
    const made = new ClientConnection(dialed, complete)
    if (complete.helloFrame !== undefined) await greet(made, complete.helloFrame, attempt)
    return made
  })
  connection.dialed = { ...connection.dialed, phases: attempt.phases, tries: attempt.tries }
  return connection
}

async function greet(connection: ClientConnection, helloFrame: Uint8Array, attempt: ConnectAttempt): Promise<void> {
  attempt.enter('hello')
  attempt.onFailure = (error) => {
    connection.destroy(error)
  }
  try {
    await connection.greet(helloFrame)
  } catch (error) {
    connection.destroy(error)
    await connection.closed
    throw attempt.failure ?? inPhase(error, attempt)
  }
}

/** What ended the connection before WELCOME, with the phase and its times. */
function inPhase(error: unknown, { phase, phases, tries }: ConnectAttempt): unknown {
  if (!(error instanceof ClientError)) return error
  const { message, target, cause } = error
  const extras = { cause, target, phase, phases, tries }
  if (!isAlert(cause)) return new ClientError(error.code, message, extras)
  return new ClientError('TLS_FAILED', `connection to ${target}: the server refused (${refusalText(cause)})`, extras)
}
