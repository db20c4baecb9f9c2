/** What the calculator leaves to a thread: it may take seconds. */
import { defineTask } from '@shardwire/server'

/** Numbers between two looks at whether somebody still waits. */
const STRIDE = 1_000_000

/** Prime factors by trial division, smallest first: the worst are products of two large primes. */
export const factors = defineTask(import.meta, ({ n }: { readonly n: number }, context): number[] => {
  const found: number[] = []
  let left = n
  for (let divisor = 2; divisor * divisor <= left; divisor++) {
    while (left % divisor === 0) {
      found.push(divisor)
      left /= divisor
    }
    // Who cancelled shall not cost a core; what is returned then reaches nobody.
    if (divisor % STRIDE === 0 && context.isAborted) return found
  }
  return left > 1 ? [...found, left] : found
})
