/** The public names of the server package: what a service module needs; no logic. */
export {
  BAD_BODY,
  BAD_REQUEST,
  CANCELLED,
  DEADLINE_EXCEEDED,
  NOT_IMPLEMENTED,
  OVERLOADED,
  PERMISSION_DENIED,
  RATE_LIMITED,
  ShardwireError,
  UNAUTHENTICATED,
} from '@shardwire/protocol'
export { CLOSE_REASONS, type CloseReasonName } from './close-reason.ts'
export type { ServiceLog } from './log.ts'
export { authorize } from './middleware/authorize.ts'
export { logging, type LoggingOptions } from './middleware/logging.ts'
export { rateLimit, type RateLimitOptions } from './middleware/rate-limit.ts'
export { timing, type Timing, type TimingOptions } from './middleware/timing.ts'
export { type AnswerKind, type BodyKind, type RouteTypes, type RoutesOf } from '@shardwire/protocol'
export { createServer } from './embed/create-server.ts'
export type { Server, ServerAddress } from './embed/server.ts'
export type { ServerOptions } from './embed/server-options.ts'
export { defineTask, type Task, type TaskContext, type TaskFunction } from './offload/task.ts'
export { type BodyOptions, type Schema, typed } from './service/body.ts'
export { type ClientRoute, clientRoute } from './service/client-route.ts'
export {
  type AskOptions,
  type Attributes,
  type CloseOptions,
  type Connection,
  ConnectionEndedError,
  type ConnectionListener,
  type Session,
  type SessionClient,
} from './service/connection.ts'
export type { Middleware, Next } from './service/middleware.ts'
export { FORWARD, type Forward } from './service/forward.ts'
export type { Caller, Credentials, Disconnection, ServiceHooks, ServiceWorker } from './service/hooks.ts'
export type { CallOptions } from './service/call-options.ts'
export type { Request } from './service/request.ts'
export { type Handler, route, type OffloadOptions, type RouteDefinition, type RouteOptions } from './service/route.ts'
export { defineService, type Service, type ServiceDefinition } from './service/service.ts'
export type { TlsPeer } from './service/tls-peer.ts'
export type { TraceContext } from './service/trace.ts'
