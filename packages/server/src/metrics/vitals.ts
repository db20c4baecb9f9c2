/**
 * Owns what a process says of itself once a second: its loop, its collections, its memory, its open files.
 * Must not know: connections.
 * Invariant: taking it allocates little and asks for nothing that takes longer than some microseconds. What only grows
 * is in `totals`, what is so now in `levels`.
 */
import { constants, performance, PerformanceObserver } from 'node:perf_hooks'
import { createHistogram, DELAY_BOUNDS, exactSeconds, type Histogram, observe } from './histogram.ts'

const MS_PER_S = 1000
const US_PER_S = 1e6

/** Plain data; times in seconds. */
export interface VitalTotals {
  cpuUser: number
  cpuSystem: number
  /** The loop worked, and waited. */
  loopActive: number
  loopIdle: number
  /** By how much timers of the loop came late. */
  readonly loopDelay: Histogram
  /** Pauses for the young generation, for all of the heap, and for parts of the latter. */
  readonly gcMinor: Histogram
  readonly gcMajor: Histogram
  readonly gcIncremental: Histogram
}

/** Plain data; memory in bytes. */
export interface VitalLevels {
  resident: number
  heapUsed: number
  heapTotal: number
  /** What of it may live on; 0 where nobody set it. */
  heapLimit: number
  external: number
  arrayBuffers: number
  openFiles: number
  openFilesMax: number
  /** Blocks of the pool that are lent, by what they count, and how many; those that are free; and their bound. */
  bufferLeased: number
  bufferBlocks: number
  bufferFree: number
  bufferMax: number
}

export interface Vitals {
  readonly totals: VitalTotals
  readonly levels: VitalLevels
}

export function createVitalTotals(): VitalTotals {
  const histogram = (): Histogram => createHistogram(DELAY_BOUNDS)
  return {
    cpuUser: 0,
    cpuSystem: 0,
    loopActive: 0,
    loopIdle: 0,
    loopDelay: histogram(),
    gcMinor: histogram(),
    gcMajor: histogram(),
    gcIncremental: histogram(),
  }
}

export function createVitalLevels(): VitalLevels {
  return {
    resident: 0,
    heapUsed: 0,
    heapTotal: 0,
    heapLimit: 0,
    external: 0,
    arrayBuffers: 0,
    openFiles: 0,
    openFilesMax: 0,
    bufferLeased: 0,
    bufferBlocks: 0,
    bufferFree: 0,
    bufferMax: 0,
  }
}

/** What a process has beside what the runtime knows. */
export interface OwnLevels {
  readonly openFiles: number
  readonly openFilesMax: number
  /** Bytes of the heap that may live on. */
  readonly heapLimit?: number
  /** Undefined where there is no pool. */
  readonly pool?: { readonly leasedBytes: number; leasedBlocks: number; freeBytes: number; bytesMax: number }
}

export class VitalSigns {
  readonly #totals = createVitalTotals()
  readonly #levels = createVitalLevels()

  /** Begins to listen to collections. */
  constructor() {
    const pauses: ReadonlyMap<unknown, Histogram> = new Map([
      [constants.NODE_PERFORMANCE_GC_MINOR, this.#totals.gcMinor],
      [constants.NODE_PERFORMANCE_GC_MAJOR, this.#totals.gcMajor],
      [constants.NODE_PERFORMANCE_GC_INCREMENTAL, this.#totals.gcIncremental],
    ])
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const pause = pauses.get(kindOf(entry))
        if (pause !== undefined) observe(pause, DELAY_BOUNDS, entry.duration / MS_PER_S)
      }
    })
    observer.observe({ entryTypes: ['gc'] })
  }

  /** A timer of the loop came late by so much. */
  late(ms: number): void {
    observe(this.#totals.loopDelay, DELAY_BOUNDS, Math.max(0, ms) / MS_PER_S)
  }

  /** @returns the same objects each time, brought up to date */
  take({ openFiles, openFilesMax, heapLimit = 0, pool }: OwnLevels): Vitals {
    const totals = this.#totals
    const levels = this.#levels
    const { user, system } = process.cpuUsage()
    totals.cpuUser = exactSeconds(user / US_PER_S)
    totals.cpuSystem = exactSeconds(system / US_PER_S)
    const { active, idle } = performance.eventLoopUtilization()
    totals.loopActive = exactSeconds(active / MS_PER_S)
    totals.loopIdle = exactSeconds(idle / MS_PER_S)
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage()
    Object.assign(levels, { resident: rss, heapUsed, heapTotal, heapLimit, external, arrayBuffers })
    Object.assign(levels, { openFiles, openFilesMax })
    if (pool !== undefined) {
      levels.bufferLeased = pool.leasedBytes
      levels.bufferBlocks = pool.leasedBlocks
      levels.bufferFree = pool.freeBytes
      levels.bufferMax = pool.bytesMax
    }
    return { totals, levels }
  }
}

/** The type of an entry knows nothing of what those of garbage collections have. */
function kindOf(entry: object): unknown {
  const detail: unknown = Reflect.get(entry, 'detail')
  return typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined
}
