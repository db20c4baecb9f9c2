/**
 * Owns the frames that are due and not written yet, connection by connection: when each was due, and of which form.
 * Must not know: sockets, clocks.
 * Invariant: first in, first out for each connection. At most `most` wait in all; what comes beyond is refused, and the
 * caller counts it. Nothing is allocated for a frame.
 */

const NONE = -1

export class WaitingSends {
  readonly #dueUs: Float64Array
  readonly #seenUs: Float64Array
  readonly #shapes: Uint16Array
  readonly #after: Int32Array
  readonly #first: Int32Array
  readonly #last: Int32Array
  #free = 0
  #size = 0

  constructor(connections: number, most: number) {
    this.#dueUs = new Float64Array(most)
    this.#seenUs = new Float64Array(most)
    this.#shapes = new Uint16Array(most)
    this.#after = new Int32Array(most)
    for (let entry = 0; entry < most; entry++) this.#after[entry] = entry + 1 < most ? entry + 1 : NONE
    this.#first = new Int32Array(connections).fill(NONE)
    this.#last = new Int32Array(connections).fill(NONE)
    if (most === 0) this.#free = NONE
  }

  /** How many wait, over all connections. */
  get size(): number {
    return this.#size
  }

  isEmpty(connection: number): boolean {
    return this.#first[connection] === NONE
  }

  /** @param seenUs now @returns false when there is no room for another */
  push(connection: number, dueUs: number, seenUs: number, shape: number): boolean {
    const entry = this.#free
    if (entry === NONE) return false
    this.#free = this.#after[entry] as number
    this.#dueUs[entry] = dueUs
    this.#seenUs[entry] = seenUs
    this.#shapes[entry] = shape
    this.#after[entry] = NONE
    const last = this.#last[connection] as number
    if (last === NONE) this.#first[connection] = entry
    else this.#after[last] = entry
    this.#last[connection] = entry
    this.#size++
    return true
  }

  /** When the connection's next frame was due; it must have one. */
  dueUs(connection: number): number {
    return this.#dueUs[this.#first[connection] as number] as number
  }

  /** When the connection's next frame was pushed; it must have one. */
  seenUs(connection: number): number {
    return this.#seenUs[this.#first[connection] as number] as number
  }

  /** Form of the connection's next frame; it must have one. */
  shape(connection: number): number {
    return this.#shapes[this.#first[connection] as number] as number
  }

  /** Takes the connection's next frame out; it must have one. */
  shift(connection: number): void {
    const entry = this.#first[connection] as number
    const next = this.#after[entry] as number
    this.#first[connection] = next
    if (next === NONE) this.#last[connection] = NONE
    this.#after[entry] = this.#free
    this.#free = entry
    this.#size--
  }
}
