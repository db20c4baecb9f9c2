/**
 * Owns how one of several addresses is chosen for a request.
 * Must not know: connections, breakers; whoever is in the list may be chosen.
 * Invariant: gives one of the list, for any list that is not empty, and keeps nothing of it.
 */
import type { Random } from '../random.ts'

/** `round-robin`: each in turn. `least-in-flight`. `power-of-two`: of two by chance the one with less in flight. */
export type BalanceName = 'round-robin' | 'least-in-flight' | 'power-of-two'

export const BALANCE_NAMES: readonly BalanceName[] = ['round-robin', 'least-in-flight', 'power-of-two']

/** What can be chosen. */
export interface Choice {
  /** Requests that were sent there and are not answered. */
  readonly inFlight: number
}

/** Chooses from a list of at least one. */
export type Strategy = <C extends Choice>(list: readonly C[]) => C

export function strategyOf(name: BalanceName, random: Random): Strategy {
  switch (name) {
    case 'round-robin':
      return roundRobin()
    case 'least-in-flight':
      return leastInFlight(random)
    case 'power-of-two':
      return (list) => {
        const first = Math.floor(random() * list.length)
        // The second is another one, each equally likely.
        const second = (first + 1 + Math.floor(random() * (list.length - 1))) % list.length
        const [one, other] = [at(list, first), at(list, second)]
        return other.inFlight < one.inFlight ? other : one
      }
  }
}

function roundRobin(): Strategy {
  let turn = 0
  return (list) => {
    turn = (turn + 1) % Number.MAX_SAFE_INTEGER
    return at(list, turn % list.length)
  }
}

/** Begins anywhere, so that of equals not always the same one is chosen. */
function leastInFlight(random: Random): Strategy {
  return (list) => {
    const start = Math.floor(random() * list.length)
    let least = at(list, start)
    for (let step = 1; step < list.length; step++) {
      const next = at(list, (start + step) % list.length)
      if (next.inFlight < least.inFlight) least = next
    }
    return least
  }
}

function at<C>(list: readonly C[], index: number): C {
  const item = list[index]
  if (item === undefined) throw new RangeError(`nothing to choose from at ${index} of ${list.length}`)
  return item
}
