/**
 * Owns whether there is memory for the next step of a ladder.
 * Must not know: how steps are made.
 * Invariant: a machine is not driven to where the kernel has to end a process: nobody could tell afterwards what was
 * measured.
 */
import { kernelMemory } from '../observe/kernel-memory.ts'
import { perConnection } from '../observe/ledger.ts'
import type { LedgerEntry } from '../observe/ledger.ts'
import {
  GENERATOR_BYTES_PER_CONNECTION,
  KERNEL_BYTES_PER_SOCKET,
  SERVER_BYTES_PER_CONNECTION,
} from '../preflight/requirements.ts'
import { grouped, megabytes } from '../report/numbers.ts'

/** Left to the rest of the machine. */
const SPARE_BYTES = 500_000_000
/** From so many connections on what they took says what the next will take. */
const TELLING_FROM = 5000

/** @returns why so many connections are not tried; null when there is room, or no telling */
export function memoryBound(
  connections: number,
  before: LedgerEntry,
  last: LedgerEntry,
  availableBytes: number | null = kernelMemory().availableBytes,
): string | null {
  const each = bytesEach(before, last)
  const needed = Math.max(0, connections - last.connections) * each
  if (availableBytes === null || needed <= availableBytes - SPARE_BYTES) return null
  return (
    `${grouped(connections)} connections would need ${megabytes(needed)} MB more, ${grouped(Math.round(each))} B for ` +
    `each, and ${megabytes(availableBytes)} MB are available: free memory, or put the server on another machine.`
  )
}

function bytesEach(before: LedgerEntry, last: LedgerEntry): number {
  const { server, generator, kernel } = perConnection(before, last)
  const isTelling = last.connections - before.connections >= TELLING_FROM
  const isLocal = before.server !== null
  const known = (measured: number | null, usual: number): number => (isTelling && measured !== null ? measured : usual)
  return (
    (isLocal ? known(server, SERVER_BYTES_PER_CONNECTION) : 0) +
    known(generator, GENERATOR_BYTES_PER_CONNECTION) +
    known(kernel, KERNEL_BYTES_PER_SOCKET * (isLocal ? 2 : 1))
  )
}
