/**
 * Owns how many more sockets this process may open.
 * Must not know: what opens and closes them; whoever asks says how many of its own are open.
 * Invariant: between two counts of the system's, only the asker's sockets are taken to come and go. The limit is never
 * met: at EMFILE Node drops a handle that comes over IPC without a word, and libuv closes an accepted socket the same
 * way.
 */
import { readdirSync, statSync } from 'node:fs'
import { readDescriptorLimit } from './config/machine.ts'

/** Descriptors that every process keeps free, so that a socket too many can still be accepted, and refused. */
export const DESCRIPTORS_SPARE = 64

/** Most connections that the limits of open files of all workers leave room for. */
export function connectionsPossible(descriptorLimit: number, workers: number): number {
  return Math.max(1, descriptorLimit - DESCRIPTORS_SPARE) * workers
}

export interface DescriptorSource {
  /** Most that this process may have open. */
  limit(): number
  /** How many it has open. */
  used(): number
}

export class Descriptors {
  readonly #source: DescriptorSource
  #limit = 0
  /** Open ones that the asker does not know of. */
  #others = 0

  constructor(source: DescriptorSource, own = 0) {
    this.#source = source
    this.recount(own)
  }

  /** Asks the system again. @param own sockets that the asker has open */
  recount(own: number): void {
    this.#limit = this.#source.limit()
    this.#others = Math.max(0, this.#source.used() - own)
  }

  /** Most that may be open, as of the last count. */
  get limit(): number {
    return this.#limit
  }

  /** Those that the asker did not know of at the last count. */
  get others(): number {
    return this.#others
  }

  /** @param own sockets that the asker has open @returns how many more may be opened, the spare ones among them */
  free(own: number): number {
    return this.#limit - this.#others - own
  }
}

/** As many as are taken to be open where the system does not tell. */
const USED_FALLBACK = 64

/** This process as the system sees it. The limit is asked anew each time: `prlimit` changes it while we run. */
export const systemDescriptors: DescriptorSource = {
  limit: readDescriptorLimit,
  used(): number {
    try {
      // From Linux 6.2 on the size of this folder is the number of its entries, and none has to be read.
      const { size } = statSync('/proc/self/fd')
      return size > 0 ? size : readdirSync('/proc/self/fd').length
    } catch {
      // No /proc outside Linux.
      return USED_FALLBACK
    }
  },
}
