/**
 * Owns noticing that a worker's heap is nearly full of what lives on.
 * Must not know: what becomes of the worker.
 * Invariant: judged is what is left after a full collection, never garbage; told once. The limit is that of what lives
 * on (SHARDWIRE_HEAP_MB): V8's own `heap_size_limit` has three young spaces on top, and it gives up long before that.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'

const PART_MAX = 0.85
/** Below it a full collection cannot leave too much, and none is listened for. */
const PART_LISTEN = 0.6
const YOUNG_SPACES = ['new_space', 'new_large_object_space']

export interface HeapWatchParts {
  readonly limitBytes: number
  /** Bytes of the heap that are not young, garbage among them. */
  readonly oldBytes: () => number
  /** Calls back after each full collection. */
  readonly onCollected: (task: () => void) => void
  readonly onFull: (oldBytes: number) => void
}

export class HeapWatch {
  readonly #parts: HeapWatchParts
  #listens = false
  #told = false

  constructor(parts: HeapWatchParts) {
    this.#parts = parts
  }

  /** To be called once a second. */
  look(): void {
    const { limitBytes, oldBytes, onCollected } = this.#parts
    if (this.#listens || oldBytes() < limitBytes * PART_LISTEN) return
    this.#listens = true
    onCollected(() => this.#judge())
  }

  #judge(): void {
    const { limitBytes, oldBytes, onFull } = this.#parts
    const bytes = oldBytes()
    if (this.#told || bytes < limitBytes * PART_MAX) return
    this.#told = true
    onFull(bytes)
  }
}

export function oldHeapBytes(): number {
  let bytes = 0
  for (const space of getHeapSpaceStatistics()) {
    if (!YOUNG_SPACES.includes(space.space_name)) bytes += space.space_used_size
  }
  return bytes
}

export function onFullCollection(task: () => void): void {
  const observer = new PerformanceObserver((list) => {
    const isFull = list.getEntries().some((entry) => kindOf(entry) === constants.NODE_PERFORMANCE_GC_MAJOR)
    if (isFull) task()
  })
  observer.observe({ entryTypes: ['gc'] })
}

/** The type of an entry knows nothing of what those of garbage collections have. */
function kindOf(entry: object): unknown {
  const detail: unknown = Reflect.get(entry, 'detail')
  return typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined
}
