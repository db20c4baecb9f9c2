/**
 * Owns whether a worker traces at all.
 * Must not know: OpenTelemetry, which is loaded only where it does.
 */
import type { Clock } from '@shardwire/protocol'
import type { Environment } from '../config/read-options.ts'
import type { Logger } from '../log.ts'
import { readTraceSettings } from './trace-settings.ts'
import type { Tracing } from './tracer.ts'

export interface OpenTracingParts {
  readonly env: Environment
  readonly clock: Clock
  readonly log: Logger
  /** Slot of this worker. */
  readonly worker: number
}

/** @returns undefined where nothing is traced. Rejects where it is to be and cannot. */
export async function openTracing({ env, ...parts }: OpenTracingParts): Promise<Tracing | undefined> {
  const { settings } = readTraceSettings(env)
  if (settings === undefined) return undefined
  const { openTelemetry } = await import('./open-telemetry.ts')
  return await openTelemetry({ ...parts, settings })
}
