/**
 * Owns how many connections each worker may have where workers accept for themselves: parts of one total.
 * Must not know: sockets, addresses.
 * Invariant: what all workers may have together is never more than the total: a worker is given more only of what
 * another has said that it gave up.
 */

/** A worker that goes by a quota. */
export interface QuotaHolder {
  readonly slot: number
  readonly open: number
  /** By its own word the most that it lets in now; null while it was told of none. */
  readonly quota: number | null
}

export interface QuotasOptions {
  readonly total: number
  /** How many share it when all are there. */
  readonly workers: number
  readonly tell: (holder: QuotaHolder, quota: number) => void
}

interface Share {
  /** The most that it can have let in: what it was given, until it says that it goes by less. */
  most: number
  /** What it was told last. */
  told: number
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
    const quota = Math.min(this.#free, Math.floor(total / workers) + (holder.slot < total % workers ? 1 : 0))
    this.#shares.set(holder, { most: quota, told: quota })
    this.#options.tell(holder, quota)
  }

  workerGone(holder: QuotaHolder): void {
    this.#shares.delete(holder)
  }

  /** To be called once a second: each may have what it has, and a part of what nobody has. */
  balance(): void {
    const holders = [...this.#shares.keys()].toSorted((a, b) => a.slot - b.slot)
    for (const [holder, share] of this.#shares) {
      // It goes by what it was told last: whatever it was given before, it lets in no more than it has.
      if (holder.quota === share.told) share.most = Math.max(share.told, holder.open)
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
    const quota = Math.min(wanted, share.most + this.#free)
    share.most = Math.max(share.most, quota)
    if (quota === share.told) return
    share.told = quota
    this.#options.tell(holder, quota)
  }
}
