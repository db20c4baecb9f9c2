/** The public names of the client package; no logic. */
export { CLIENT_ERROR_TABLE, ClientError } from './client-error.ts'
export type { ClientErrorCode, ClientErrorExtras, ClientErrorRow, ConnectPhase } from './client-error.ts'
export { systemClock } from './clock.ts'
export { connect } from './connect.ts'
export type {
  CloseInfo,
  Connection,
  ConnectionEnd,
  ConnectionListeners,
  ConnectionStats,
  ConnectionStatus,
  Message,
  PingOptions,
  RequestOptions,
  SendOptions,
} from './connection-api.ts'
export type { ConnectOptions } from './options.ts'
export { ShardwireError } from '@shardwire/protocol'
export { Pool } from './pool/pool.ts'
export type { AcquireOptions, PoolStats } from './pool/pool.ts'
export type { Lease, LeaseWarning } from './pool/lease.ts'
export type { PoolOptions, PoolWarning } from './pool/pool-options.ts'
