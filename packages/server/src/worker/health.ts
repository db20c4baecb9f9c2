/**
 * Owns what this worker notices of itself that is a reason to be replaced, and what it says about it.
 * Must not know: how it is replaced.
 * Invariant: each finding is one line of the log, with its figures and what is to be done.
 */
import type { Clock } from '@shardwire/protocol'
import type { Descriptors } from '../descriptors.ts'
import type { Logger } from '../log.ts'
import type { Counters } from './counters.ts'
import { DescriptorLeak, type LeakFigures } from './descriptor-leak.ts'
import { Faults } from './faults.ts'
import { HeapWatch, oldHeapBytes, onFullCollection } from './heap-watch.ts'

const MIB = 1024 * 1024

export interface HealthParts {
  readonly log: Logger
  readonly clock: Clock
  readonly counters: Counters
  readonly heapMb: number
  /** Asks for a successor; this worker serves on until there is one. */
  readonly onOutworn: (why: string) => void
  /** This worker is broken: it must take nothing new. */
  readonly onBroken: (why: string) => void
}

export class Health {
  readonly faults: Faults
  readonly #parts: HealthParts
  readonly #heap: HeapWatch
  readonly #leak: DescriptorLeak

  constructor(parts: HealthParts) {
    const { log, clock, counters, heapMb, onOutworn, onBroken } = parts
    this.#parts = parts
    this.faults = new Faults({
      log,
      clock,
      counters,
      onException: () => onBroken('an uncaught exception'),
      onRejection: () => onOutworn('a stray rejection'),
    })
    this.#heap = new HeapWatch({
      limitBytes: heapMb * MIB,
      oldBytes: oldHeapBytes,
      onCollected: onFullCollection,
      onFull: (bytes) => this.#heapFull(bytes),
    })
    this.#leak = new DescriptorLeak(
      (figures) => this.#leaking(figures),
      () => onOutworn('open files that no connection explains'),
    )
  }

  /** To be called once a second, when descriptors have been counted. */
  look({ others, limit }: Descriptors): void {
    this.#heap.look()
    this.#leak.look(others, limit)
  }

  #heapFull(bytes: number): void {
    const { log, counters, heapMb, onOutworn } = this.#parts
    const usedMb = Math.round(bytes / MIB)
    const { connectionsOpen, handlersRunning } = counters
    const text =
      'the heap is nearly full of what lives on, so this worker is drained and replaced. If it comes back, look for ' +
      'what the service keeps, or raise SHARDWIRE_HEAP_MB'
    const fields = { usedMb, limitMb: heapMb, connectionsOpen, handlersRunning }
    log.error({ event: 'heap-full', class: 'system', ...fields }, text)
    onOutworn(`its heap is full: ${usedMb} of ${heapMb} MiB`)
  }

  #leaking(figures: LeakFigures): void {
    const { log, counters } = this.#parts
    const text =
      'open files that no connection explains become more and more: look for what the service opens and does not ' +
      `close (ls -l /proc/${process.pid}/fd); past half of the limit this worker is drained and replaced`
    const fields = { ...figures, connectionsOpen: counters.connectionsOpen }
    log.error({ event: 'descriptor-leak', class: 'system', ...fields }, text)
  }
}
