/**
 * Owns which port a connection from a named address takes.
 * Must not know: sockets.
 * Invariant: it goes through all ports of the range before it says one again, in an order in which neighbours are far
 * apart, so that several processes with one address seldom meet.
 *
 * Why: asked to choose a port itself for a socket that is bound before it connects, Linux looks through a quarter of
 * the range first, and then at the conflicts of every port that it comes by. From about 7000 sockets of an address on
 * that took 2 to 4 ms of the kernel's time for each; a port that is named takes microseconds.
 */

/** Linux's own range, where the system does not tell. */
const FIRST_DEFAULT = 32_768
const LAST_DEFAULT = 60_999
/** Part of the range between two ports that follow each other: the golden section. */
const STEP_SHARE = 0.618

export class LocalPorts {
  /** How many there are: after so many tries each was tried. */
  readonly count: number
  readonly #first: number
  readonly #step: number
  readonly #random: () => number
  /** How many steps were made, by address. */
  readonly #made = new Map<string, number>()

  /**
   * @param range as the system writes it: `32768 60999`
   * @param random [0, 1): where to begin
   */
  constructor(range: string | undefined, random: () => number) {
    const [first = NaN, last = NaN] = range?.split(' ').map(Number) ?? []
    const isKnown = last >= first
    this.#first = isKnown ? first : FIRST_DEFAULT
    this.count = (isKnown ? last : LAST_DEFAULT) - this.#first + 1
    this.#step = coprimeNear(Math.round(this.count * STEP_SHARE), this.count)
    this.#random = random
  }

  /** The next port to try from this address. */
  next(address: string): number {
    const made = this.#made.get(address) ?? Math.floor(this.#random() * this.count)
    this.#made.set(address, (made + 1) % this.count)
    return this.#first + ((made * this.#step) % this.count)
  }
}

function coprimeNear(start: number, count: number): number {
  let step = Math.max(1, start)
  while (divisor(step, count) > 1) step++
  return step
}

/** Greatest common. */
function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other)
}
