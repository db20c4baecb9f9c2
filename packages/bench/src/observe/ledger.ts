/**
 * Owns what connections cost in memory: on both sides and in the kernel, at one moment.
 * Must not know: why it is asked.
 * Invariant: what the system does not tell is null. Differences are between two moments of the same processes.
 */
import type { HolderMemory } from '../hold/hold-messages.ts'
import { kernelMemory } from './kernel-memory.ts'
import type { KernelMemory } from './kernel-memory.ts'
import type { WatchedGroup } from './watched-group.ts'

export interface LedgerEntry {
  /** Idle connections at that moment. */
  readonly connections: number
  readonly server: SideMemory | null
  readonly generator: SideMemory & { readonly heapBytes: number; readonly externalBytes: number }
  readonly kernel: KernelMemory
}

export interface SideMemory {
  readonly processes: number
  readonly residentBytes: number
  /** With pages that several processes share counted in parts; null where the system does not tell. */
  readonly proportionalBytes: number | null
}

/** Bytes that each connection added; null where one of the two moments does not know. */
export interface PerConnection {
  readonly server: number | null
  readonly generator: number | null
  readonly generatorHeap: number | null
  readonly kernel: number | null
}

export function ledgerEntry(
  connections: number,
  server: WatchedGroup,
  generator: WatchedGroup,
  memory: HolderMemory,
  nowUs: number,
): LedgerEntry {
  const served = sideOf(server, nowUs)
  const { heapBytes, externalBytes } = memory
  return {
    connections,
    server: served.processes === 0 ? null : served,
    generator: { ...sideOf(generator, nowUs), heapBytes, externalBytes },
    kernel: kernelMemory(),
  }
}

function sideOf(group: WatchedGroup, nowUs: number): SideMemory {
  const { processes, residentBytes } = group.look(nowUs)
  return { processes, residentBytes, proportionalBytes: group.proportionalBytes() }
}

export function perConnection(before: LedgerEntry, now: LedgerEntry): PerConnection {
  const connections = now.connections - before.connections
  const each = (one: number | null | undefined, other: number | null | undefined): number | null => {
    if (one === null || one === undefined || other === null || other === undefined || connections <= 0) return null
    return Math.round((other - one) / connections)
  }
  return {
    server: each(before.server?.residentBytes, now.server?.residentBytes),
    generator: each(before.generator.residentBytes, now.generator.residentBytes),
    generatorHeap: each(before.generator.heapBytes, now.generator.heapBytes),
    kernel: each(kernelBytes(before.kernel), kernelBytes(now.kernel)),
  }
}

function kernelBytes({ connectionSlabBytes, tcpBufferBytes }: KernelMemory): number | null {
  return connectionSlabBytes === null ? null : connectionSlabBytes + (tcpBufferBytes ?? 0)
}
