/**
 * Owns the parts through which a service acts on connections, and their wiring.
 * Must not know: how frames come in.
 */
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { ServiceLog } from '../log.ts'
import type { TaskCaller } from '../offload/task-caller.ts'
import type { RequestScope } from '../service/request-context.ts'
import type { Closing } from './closing.ts'
import type { CodecAnswers } from './codecs/codec-answers.ts'
import { type Connection, HOLD_GREETING, type Served } from './connection.ts'
import type { DeadlineWheel } from './deadline.ts'
import { Dispatch, type DispatchParts } from './dispatch.ts'
import { GatedDispatch } from './gated-dispatch.ts'
import { Greetings } from './greetings.ts'
import type { Outbound } from './outbound.ts'
import { Pushes } from './pushes.ts'
import type { ReadPath } from './read-path.ts'
import { ServedConnection, type ServedConnectionParts } from './served-connection.ts'
import type { WorkerHooks } from './worker-hooks.ts'

export interface ServiceSideParts {
  readonly hooks: WorkerHooks
  readonly tasks?: TaskCaller
  readonly config: Config
  readonly clock: Clock
  readonly log: ServiceLog
  readonly outbound: Outbound
  readonly codecs: CodecAnswers
  readonly closing: Closing
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  readonly onFault: (error: unknown) => void
}

/** What the service is given of connections, and the way there. */
export interface ServiceScope extends RequestScope<Connection> {
  readonly connectionOf: (connection: Connection) => Served
}

/** What requests of a worker have in common: the way to everything that a handler may ask for. */
export function createScope(parts: ServiceSideParts): ServiceScope {
  const { config, clock, hooks, tasks } = parts
  const { requestTimeoutMs, maxInFlight, writeBufferBytes } = config
  const exactNowMs = (): number => clock.nowMs()
  const served: ServedConnectionParts = {
    ...parts,
    pushes: new Pushes({ ...parts, writeBufferBytes }),
    listeners: config.listen.map(({ address, codec }, index) => ({ index, address, codec })),
    maxInFlight,
    requestTimeoutMs,
    exactNowMs,
    wallMs: () => clock.wallMs(),
    isAuthenticating: hooks.service.authenticate !== undefined,
    onDisconnected: (connection, reason) => hooks.disconnected(connection, reason),
  }
  return {
    connectionOf: (connection) => (connection.served ??= new ServedConnection(connection, served)),
    requestTimeoutMs,
    exactNowMs,
    tasks,
  }
}

/** What stands between a connection and its first request; undefined where the service has no say in it. */
export function createGreetings(
  parts: ServiceSideParts,
  connectionOf: ServiceScope['connectionOf'],
  readPath: ReadPath,
): Greetings | undefined {
  const { config } = parts
  const { service: hooks, report } = parts.hooks
  const { authenticate, onConnect, onDisconnect } = hooks
  if (authenticate === undefined && onConnect === undefined && onDisconnect === undefined) return undefined
  const { handshakeTimeoutMs: timeoutMs, maxHandshakes: max } = config
  return new Greetings({ ...parts, hooks, report, connectionOf, timeoutMs, max }, (connection) => {
    readPath.release(connection, HOLD_GREETING)
  })
}

/** What frames come to: with a gate before it where the service says who may come in. */
export function createDispatch({ service }: WorkerHooks, parts: DispatchParts): Dispatch {
  return service.authenticate === undefined ? new Dispatch(parts) : new GatedDispatch(parts)
}
