/**
 * Owns the loop around the parts that are measured: warm-up, interleaved rounds, time and allocation by operation.
 * Must not know: what a part does.
 * Invariant: every run returns a number that goes into a sum, and the sum is handed out, so that no compiler may leave
 * the work out. Variants take turns within each round. Allocation is V8's own count of bytes ever allocated on its
 * heap, so garbage collections in between change nothing.
 */
import process from 'node:process'
import v8 from 'node:v8'

export interface Variant {
  readonly name: string
  /** What one run does: at least some hundreds, so that the loop itself costs nothing. */
  readonly operations: number
  /** What each operation goes over, where a rate of bytes means something. */
  readonly bytesPerOperation?: number
  /** @returns something that depends on all of its work */
  run(): number
}

export interface VariantResult {
  readonly name: string
  /** Nanoseconds by operation, one for each round. */
  readonly nsPerOperation: number[]
  readonly heapBytesPerOperation: number
  readonly bytesPerOperation: number | null
}

export interface LoopResult {
  readonly variants: readonly VariantResult[]
  /** Of no meaning but that it was computed. */
  readonly checksum: number
}

const WARM_UP_RUNS = 50
const WARM_UP_TURNS = 4

class Stopwatch {
  checksum = 0

  /** Nanoseconds for `runs` runs. */
  time(variant: Variant, runs: number): number {
    let sum = 0
    const start = process.hrtime.bigint()
    for (let n = 0; n < runs; n++) sum = (sum + variant.run()) | 0
    const ns = Number(process.hrtime.bigint() - start)
    this.checksum = (this.checksum + sum) | 0
    return ns
  }
}

/** @param seconds of each variant in each round */
export function measure(variants: readonly Variant[], rounds: number, seconds: number): LoopResult {
  const watch = new Stopwatch()
  const runs = variants.map(() => WARM_UP_RUNS)
  // The last turn tells how many runs fill the time; it is run by compiled code.
  for (let turn = 0; turn < WARM_UP_TURNS; turn++) {
    for (const [index, variant] of variants.entries()) {
      const ns = watch.time(variant, runs[index] as number)
      runs[index] = Math.max(1, Math.round(((runs[index] as number) * seconds * 1e9) / ns))
    }
  }
  const nsPerOperation: number[][] = variants.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, variant] of variants.entries()) {
      const count = runs[index] as number
      nsPerOperation[index]?.push(watch.time(variant, count) / count / variant.operations)
    }
  }
  const results = variants.map((variant, index) => ({
    name: variant.name,
    nsPerOperation: nsPerOperation[index] ?? [],
    bytesPerOperation: variant.bytesPerOperation ?? null,
    heapBytesPerOperation: heapBytesPerOperation(watch, variant, runs[index] as number),
  }))
  return { variants: results, checksum: watch.checksum }
}

/** Rounded to hundredths of a byte: what asking costs is subtracted, but does not cost the same each time. */
function heapBytesPerOperation(watch: Stopwatch, variant: Variant, runs: number): number {
  allocatedBytes()
  const first = allocatedBytes()
  const second = allocatedBytes()
  watch.time(variant, runs)
  const bytes = allocatedBytes() - second - (second - first)
  return Math.max(0, Math.round((bytes / runs / variant.operations) * 100) / 100)
}

function allocatedBytes(): number {
  return v8.getHeapStatistics().total_allocated_bytes
}
