/** The public names of the client package; no logic. */
export { CLIENT_ERROR_TABLE, ClientError } from './client-error.ts'
export type {
  ClientErrorCode,
  ClientErrorExtras,
  ClientErrorRow,
  ConnectPhase,
  DialTry,
  PhaseTime,
} from './client-error.ts'
export type { BalanceName } from './balance/strategies.ts'
export type { PoolLimits } from './balance/endpoint-options.ts'
export type { BreakerState, BreakerStatus } from './breaker/breaker.ts'
export { createClient } from './client.ts'
export type { Client, ClientRequestOptions } from './client-api.ts'
export type {
  ClientAddress,
  ClientBreakerOptions,
  ClientOptions,
  ReconnectOptions,
  RetryOptions,
  SharedConnectOptions,
} from './client-options.ts'
export type {
  AddressState,
  AddressStatus,
  ClientState,
  ClientStatus,
  PooledConnectionStatus,
  StatusEvent,
} from './client-status.ts'
export { systemClock } from './clock.ts'
export { connect } from './connect.ts'
export type {
  CloseInfo,
  Connection,
  ConnectionEnd,
  ConnectionListeners,
  ConnectionStats,
  ConnectionStatus,
  DialReport,
  Message,
  PingOptions,
} from './connection-api.ts'
export type { RequestOptions, Route, SendOptions } from './request-options.ts'
export type { ConnectionOptions, ConnectOptions, DialOptions, TcpTarget, UnixTarget } from './options.ts'
export { bindRoutes } from './request/bind-routes.ts'
export type { BoundRoute, BoundRoutes, Requester, RouteTable } from './request/bind-routes.ts'
export type { ServiceClient } from './request/service-client.ts'
export { DnsError } from './resolve/dns-error.ts'
export type { DnsTry } from './resolve/dns-error.ts'
export { DnsResolver } from './resolve/dns-resolver.ts'
export type { DnsResolverOptions, DnsResolverStats } from './resolve/dns-resolver.ts'
export { LookupResolver, systemResolver } from './resolve/lookup-resolver.ts'
export type { AddressFamily, Resolver } from './resolve/resolver.ts'
export { msgpackHandler } from './serve/server-request.ts'
export type { MsgpackHandler, RequestHandler, ServerRequest, TypedClientRoute } from './serve/server-request.ts'
export type { TlsReport } from './tls/handshake.ts'
export { openTelemetryTrace } from './trace/open-telemetry-trace.ts'
export type { OpenTelemetryApi, OpenTelemetrySpan } from './trace/open-telemetry-trace.ts'
export type { RequestSpan, RequestTrace, TracedCall } from './trace/request-trace.ts'
export { TlsClient } from './tls/tls-client.ts'
export type { TlsOptions } from './tls/tls-options.ts'
export { ShardwireError } from '@shardwire/protocol'
export { Pool } from './pool/pool.ts'
export type { AcquireOptions, PoolStats } from './pool/pool.ts'
export type { Lease, LeaseWarning } from './pool/lease.ts'
export type { PoolOptions, PoolWarning } from './pool/pool-options.ts'
