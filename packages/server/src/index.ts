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
} from '@shardwire/protocol'
export { CLOSE_REASONS, type CloseReasonName } from './close-reason.ts'
export type { ServiceLog } from './log.ts'
export { type AnswerKind, type BodyKind, type RouteTypes, type RoutesOf } from '@shardwire/protocol'
export { type BodyOptions, type Schema, type } from './service/body.ts'
export type { Attributes, Connection, ConnectionListener } from './service/connection.ts'
export type { Middleware, Next } from './service/middleware.ts'
export { type CallOptions, FORWARD, type Forward, type Request } from './service/request.ts'
export { type Handler, route, type RouteDefinition, type RouteOptions } from './service/route.ts'
export { defineService, type Service, type ServiceDefinition } from './service/service.ts'
export type { TlsPeer } from './service/tls-peer.ts'
export type { TraceContext } from './service/trace.ts'
