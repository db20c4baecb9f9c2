/**
 * Owns how many connections each worker may have where workers accept for themselves: parts of one total.
 * Must not know: sockets, addresses.
 * Invariant: what all workers may have together is never more than the total: a worker is given more only of what
 * another has said that it gave up.
 */

export interface Quota {
  /** Most connections that it may have. */
  readonly quota: number
  /** Counts what a worker is told, from 1. */
  readonly sequence: number
}

/** A worker that goes by a quota. */
export interface QuotaHolder {
  readonly slot: number
  readonly open: number
  /** The quota that it goes by, by its own word; 0 while it was told of none. */
  readonly quotaSequence: number
}

export interface QuotasOptions {
  readonly total: number
  /** How many share it when all are there. */
  readonly workers: number
  readonly tell: (holder: QuotaHolder, quota: Quota) => void
}

interface Share {
  /** The most that it can have let in: what it was given, until it says that it goes by less. */
  most: number
  /** Its part, of which it may not have been given all. */
  wanted: number
  /** What it was told last. */
  told: Quota
}

export class Quotas {
  readonly #options: QuotasOptions
  readonly #shares = new Map<QuotaHolder, Share>()

  constructor(options: QuotasOptions) {
    this.#options = options
  }

  /** Gets its part, or of it what is not with others. */
  workerReady(holder: QuotaHolder): void {
    const { total, workers } = this.#options
    const wanted = Math.floor(total / workers) + (holder.slot < total % workers ? 1 : 0)
    const quota = Math.min(this.#free, wanted)
    const told = { quota, sequence: 1 }
    this.#shares.set(holder, { most: quota, wanted, told })
    this.#options.tell(holder, told)
  }

  /** Whether it was given all of its part: others have said that they gave it up. */
  hasPart(holder: QuotaHolder): boolean {
    const share = this.#shares.get(holder)
    return share !== undefined && share.told.quota > 0 && share.told.quota >= share.wanted
  }

  workerGone(holder: QuotaHolder): void {
    this.#shares.delete(holder)
  }

  /** To be called once a second: each may have what it has, and a part of what nobody has. */
  balance(): void {
    const holders = [...this.#shares.keys()].toSorted((a, b) => a.slot - b.slot)
    for (const [holder, share] of this.#shares) {
      // It goes by what it was told last: whatever it was given before, it lets in no more than it has.
      if (holder.quotaSequence === share.told.sequence) share.most = Math.max(share.told.quota, holder.open)
    }
    const open = holders.reduce((sum, holder) => sum + holder.open, 0)
    const spare = Math.max(0, this.#options.total - open)
    for (const [index, holder] of holders.entries()) {
      const part = Math.floor(spare / holders.length) + (index < spare % holders.length ? 1 : 0)
      this.#give(holder, holder.open + part)
    }
  }

  /** What no worker may have. */
  get #free(): number {
    let given = 0
    for (const { most } of this.#shares.values()) given += most
    return Math.max(0, this.#options.total - given)
  }

  #give(holder: QuotaHolder, wanted: number): void {
    const share = this.#shares.get(holder)
    if (share === undefined) return
    share.wanted = wanted
    const quota = Math.min(wanted, share.most + this.#free)
    share.most = Math.max(share.most, quota)
    if (quota === share.told.quota) return
    share.told = { quota, sequence: share.told.sequence + 1 }
    this.#options.tell(holder, share.told)
  }
}
