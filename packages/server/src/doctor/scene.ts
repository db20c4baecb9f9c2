/**
 * Owns what checks go by: the configuration, the machine, and how many connections there are to be.
 * Must not know: checks.
 */
import { connectionsPossible, DESCRIPTORS_SPARE } from '../descriptors.ts'
import type { Config, Sources } from '../config/load-config.ts'
import type { Machine } from '../config/machine.ts'
import type { System } from './system.ts'

export interface Scene {
  readonly config: Config
  readonly sources: Sources
  readonly machine: Machine
  readonly system: System
  /** The daemon of this configuration runs: its ports are its own. */
  readonly isRunning: boolean
}

/** What is taken for a connection in a worker, in the kernel, and in both; measured: see docs/performance.md. */
export const CONNECTION_BYTES = { worker: 2048, kernel: 4096 } as const
/** What a worker takes without any connection, in bytes. */
export const WORKER_BYTES = 80 * 1024 * 1024

/** Whether somebody has said how many connections there are to be. */
export function isLimitSet({ config, sources }: Pick<Scene, 'config' | 'sources'>): boolean {
  const { maxConnections: source } = sources
  return config.maxConnections > 0 && source !== 'default' && source !== 'computed'
}

/** Most connections that this configuration lets in. */
export function connectionsWanted({ config, machine }: Pick<Scene, 'config' | 'machine'>): number {
  const possible = connectionsPossible(machine.descriptorLimit, config.workers)
  return config.maxConnections === 0 ? possible : config.maxConnections
}

/** Open files that a worker takes for its part of the connections. */
export function filesOfWorker(connections: number, workers: number): number {
  return Math.ceil(connections / workers) + DESCRIPTORS_SPARE
}
