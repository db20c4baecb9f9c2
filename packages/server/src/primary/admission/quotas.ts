/**
 * Owns how many connections each worker may have where workers accept for themselves: parts of one total.
 * Must not know: sockets, addresses.
 * Invariant: what all workers may have together is never more than the total: a worker is given more only of what
 * another has said that it gave up. And nobody is told that there is no place while one is unused anywhere, unless the
 * worker that has it does not answer.
 */
import type { Clock } from '@shardwire/protocol'

export interface Quota {
  /** Most connections that it may have; Infinity where there is no total. */
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
  /** Infinity where there is none. */
  readonly total: number
  readonly clock: Clock
  readonly tell: (holder: QuotaHolder, quota: Quota) => void
  /** There is no place for those that wait there. */
  readonly tellFull: (holder: QuotaHolder) => void
}

interface Share {
  /** What it was told last, and when. */
  told: Quota
  toldAtMs: number
  /** The most that it can have let in, for as long as it has not said that it goes by what it was told. */
  most: number
  /** Sockets that wait there for a place. */
  wanted: number
  /** It lets in only those that wait already. */
  isLeaving: boolean
}

/** Parts are dealt anew at most so often for those that wait: each time is a word to every worker. */
const DEAL_INTERVAL_MS = 10
/** A worker that has not answered for so long is not waited for. */
const ANSWER_MS_MAX = 1000

export class Quotas {
  readonly #options: QuotasOptions
  readonly #shares = new Map<QuotaHolder, Share>()
  #total: number
  #dealtAtMs = -Infinity
  /** Somebody was given less than its part, since others have more than theirs. */
  #isOwing = false
  #isDealDue = false

  constructor(options: QuotasOptions) {
    this.#options = options
    this.#total = options.total
  }

  /** Goes by another total from now on; who is in stays. */
  useTotal(total: number): void {
    if (total === this.#total) return
    this.#total = total
    if (total !== Infinity) return this.balance()
    this.#isOwing = false
    for (const [holder, share] of this.#shares) {
      share.wanted = 0
      this.#give(holder, share, Infinity)
    }
  }

  /** Gets its part, or of it what is not with others. */
  workerReady(holder: QuotaHolder): void {
    const share = { told: { quota: Infinity, sequence: 0 }, toldAtMs: 0, most: 0, wanted: 0, isLeaving: false }
    this.#shares.set(holder, share)
    if (this.#total === Infinity) return
    // Before it was told of a quota it goes by none; but then it does not accept either.
    share.told = { quota: -1, sequence: 0 }
    this.balance()
  }

  /** It lets nobody in any more but those that wait there. */
  workerLeaves(holder: QuotaHolder): void {
    const share = this.#shares.get(holder)
    if (share === undefined || share.isLeaving) return
    share.isLeaving = true
    this.balance()
  }

  workerGone(holder: QuotaHolder): void {
    this.#shares.delete(holder)
    this.heard()
  }

  /** So many sockets wait at this worker, whose quota is used up. */
  want(holder: QuotaHolder, places: number): void {
    const share = this.#shares.get(holder)
    // Asked before it had heard that there is no total any more.
    if (share === undefined || this.#total === Infinity) return
    share.wanted = places
    this.#serve()
  }

  /** A worker goes by the quota that it says, and so many sockets still wait there: then it has used all of it. */
  taken(holder: QuotaHolder, waiting: number): void {
    const share = this.#shares.get(holder)
    if (share !== undefined && this.#total !== Infinity) share.wanted = waiting
    this.heard()
  }

  /** A worker has said what it has. */
  heard(): void {
    if (this.#isOwing || this.#hasWaiting) this.#serve()
  }

  /** To be called once a second: each may have what it has, and an even part of what nobody has. */
  balance(): void {
    if (this.#total === Infinity) return
    this.#deal()
    this.#serve()
  }

  get #hasWaiting(): boolean {
    for (const { wanted } of this.#shares.values()) if (wanted > 0) return true
    return false
  }

  /** What all workers may have together: more than the total for a while after that became less. */
  get #given(): number {
    let given = 0
    for (const [holder, share] of this.#shares) given += mostOf(holder, share)
    return given
  }

  /** What no worker may have. */
  get #free(): number {
    return Math.max(0, this.#total - this.#given)
  }

  /** Connections that there are, as far as is known. */
  get #open(): number {
    let open = 0
    for (const holder of this.#shares.keys()) open += holder.open
    return open
  }

  /** Whether somebody is about to say that it gave something up. */
  get #isAnswerDue(): boolean {
    const sinceMs = this.#options.clock.nowMs() - ANSWER_MS_MAX
    for (const [holder, { told, toldAtMs }] of this.#shares) {
      if (holder.quotaSequence !== told.sequence && toldAtMs > sinceMs) return true
    }
    return false
  }

  /** Gives places to those that wait, takes them from who does not use them, or says that there are none. */
  #serve(): void {
    if (this.#total === Infinity) return
    this.#grant()
    if (!this.#isOwing && !this.#hasWaiting) return
    if (this.#open >= this.#total) return this.#turnAway()
    if (this.#isAnswerDue) return
    const inMs = this.#dealtAtMs + DEAL_INTERVAL_MS - this.#options.clock.nowMs()
    if (inMs > 0) return this.#serveIn(inMs)
    const isNew = this.#deal()
    this.#grant()
    // All have answered who do, and what is unused is with one that does not.
    if (!isNew && this.#hasWaiting) this.#turnAway()
  }

  #serveIn(ms: number): void {
    if (this.#isDealDue) return
    this.#isDealDue = true
    this.#options.clock.after(ms, () => {
      this.#isDealDue = false
      this.#serve()
    })
  }

  /** Of what nobody may have: first a place for each that waits, then the same for all where somebody waits. */
  #grant(): void {
    const waiting = [...this.#shares].filter(([, { wanted }]) => wanted > 0)
    let free = this.#free
    const grants = waiting.map(([, { wanted }]) => {
      const places = Math.min(wanted, free)
      free -= places
      return places
    })
    for (const [index, [holder, share]] of waiting.entries()) {
      const places = grants[index] ?? 0
      share.wanted -= places
      const more = share.isLeaving ? 0 : Math.floor(free / waiting.length)
      if (places + more > 0) this.#give(holder, share, mostOf(holder, share) + places + more)
    }
  }

  /** Each may have what it has, and a part of what is left when all who wait are in. @returns whether that is new */
  #deal(): boolean {
    this.#dealtAtMs = this.#options.clock.nowMs()
    // Of those who wait nothing is taken below: it is once they have what they wait for.
    this.#isOwing = this.#given > this.#total
    const holders = [...this.#shares].toSorted(([a], [b]) => a.slot - b.slot)
    const staying = holders.filter(([, { isLeaving }]) => !isLeaving).length
    const wanted = holders.reduce((sum, [, share]) => sum + share.wanted, 0)
    const spare = Math.max(0, this.#total - this.#open - wanted)
    let index = 0
    let isNew = false
    for (const [holder, share] of holders) {
      const part = share.isLeaving ? 0 : Math.floor(spare / staying) + (index++ < spare % staying ? 1 : 0)
      // Where somebody waits all is used: it is given more, and nothing is taken.
      if (share.wanted > 0) continue
      const most = mostOf(holder, share) + this.#free
      if (holder.open + part > most) this.#isOwing = true
      isNew = this.#give(holder, share, Math.min(holder.open + part, most)) || isNew
    }
    return isNew
  }

  #turnAway(): void {
    for (const [holder, share] of this.#shares) {
      if (share.wanted === 0) continue
      share.wanted = 0
      this.#options.tellFull(holder)
    }
  }

  /** @returns whether that is new */
  #give(holder: QuotaHolder, share: Share, quota: number): boolean {
    if (quota === share.told.quota) return false
    share.most = Math.max(mostOf(holder, share), quota)
    share.told = { quota, sequence: share.told.sequence + 1 }
    share.toldAtMs = this.#options.clock.nowMs()
    this.#options.tell(holder, share.told)
    return true
  }
}

/** The most that it can have: of what it was given before nothing counts any more once it goes by what it was told. */
function mostOf(holder: QuotaHolder, { told, most }: Share): number {
  return holder.quotaSequence === told.sequence ? Math.max(told.quota, holder.open) : most
}
