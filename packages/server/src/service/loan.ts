/**
 * Owns the memory of one body while debugging: a private copy that is lent to a handler, and overwritten at its end.
 * Must not know: what is logged, sockets.
 * Invariant: after `end` this holds no reference to the memory, so that whoever still does is its keeper. The memory
 * is poisoned, not detached: a write or a compression in another thread may still read it, and must not read what is
 * freed.
 */
import { POISON_BYTE } from '@shardwire/protocol'
import { type Complain, makeStale } from './stale.ts'

/**
 * Poison before and behind the body. In production other frames stand there: whoever forgets `byteOffset` or
 * `byteLength` of a view reads poison here. Odd, so that whoever forgets that a body may stand anywhere, and lays an
 * array of larger numbers over it, has the RangeError here that production has now and then.
 */
const MARGIN_BYTES = 13

export class Loan {
  readonly #source: () => Uint8Array
  readonly #route: string
  readonly #complain: Complain
  #memory: ArrayBuffer | undefined
  #bytes = 0
  #views: Uint8Array[] = []

  /**
   * @param source the body where it stands; not asked any more once the loan has ended
   * @param complain what a later use of a view throws
   */
  constructor(route: string, source: () => Uint8Array, complain: Complain) {
    this.#route = route
    this.#source = source
    this.#complain = complain
  }

  /** A view of the body, good until the end. */
  view(): Uint8Array {
    const memory = (this.#memory ??= this.#copy())
    return this.#track(new Uint8Array(memory, MARGIN_BYTES, this.#bytes))
  }

  /** Whether its memory was given away, to a thread for instance: in production, that of every connection. */
  get isGone(): boolean {
    return this.#memory?.detached === true
  }

  /** Whether the handler wrote into the body. */
  get isWritten(): boolean {
    if (this.#memory === undefined || this.isGone) return false
    return Buffer.compare(this.#source(), new Uint8Array(this.#memory, MARGIN_BYTES, this.#bytes)) !== 0
  }

  /** What the handler wrote goes where it would be without debugging. */
  writeBack(): void {
    if (this.#memory === undefined || this.isGone) return
    this.#source().set(new Uint8Array(this.#memory, MARGIN_BYTES, this.#bytes))
  }

  /** @returns the memory, for whoever wants to see whether it is kept; undefined when none was lent, or it is gone */
  end(): WeakRef<ArrayBuffer> | undefined {
    const memory = this.#memory
    this.#memory = undefined
    for (const view of this.#views) makeStale(view, ['subarray'], this.#complain)
    this.#views = []
    if (memory === undefined || memory.detached) return undefined
    poison(memory, this.#route)
    return new WeakRef(memory)
  }

  #copy(): ArrayBuffer {
    const source = this.#source()
    this.#bytes = source.length
    const memory = new Uint8Array(MARGIN_BYTES + source.length + MARGIN_BYTES).fill(POISON_BYTE)
    memory.set(source, MARGIN_BYTES)
    return memory.buffer
  }

  /** What is cut from a view by `subarray` becomes stale with it. */
  #track(view: Uint8Array): Uint8Array {
    const subarray = (start?: number, end?: number): Uint8Array =>
      this.#track(Uint8Array.prototype.subarray.call(view, start, end))
    Object.defineProperty(view, 'subarray', { value: subarray, configurable: true, writable: true })
    this.#views.push(view)
    return view
  }
}

/** Overwrites a body with words that tell who reads them what they are: what no error can be raised for reads these. */
function poison(memory: ArrayBuffer, route: string): void {
  Buffer.from(memory)
    .fill(POISON_BYTE)
    .fill(`<stale body of ${route}>`, MARGIN_BYTES, memory.byteLength - MARGIN_BYTES)
}

/** Whether the memory of a loan that has ended has been written into since. */
export function isPoisonIntact(memory: ArrayBuffer, route: string): boolean {
  const intact = new ArrayBuffer(memory.byteLength)
  poison(intact, route)
  return Buffer.compare(new Uint8Array(memory), new Uint8Array(intact)) === 0
}
