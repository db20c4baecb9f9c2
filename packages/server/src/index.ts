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
export { type ConnectionInfo, FORWARD, type Request } from './service/request.ts'
export {
  type BodyKind,
  defineService,
  type Handler,
  type Route,
  route,
  type RouteDefinition,
  type RouteOptions,
  type Service,
  type ServiceDefinition,
} from './service/service.ts'
