/**
 * Owns what is known of names, and for how long.
 * Must not know: how anything is found out.
 * Invariant: at most `entriesMax` names and families, those used longest ago go first. What has expired is given out by
 * `stale` alone.
 */
import type { Clock } from '@shardwire/protocol'

interface Entry<Value> {
  readonly value: Value
  readonly storedAtMs: number
  expiresAtMs: number
  readonly staleUntilMs: number
}

export class DnsCache<Value> {
  readonly #entriesMax: number
  readonly #clock: Clock
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<Value>>()

  constructor(entriesMax: number, clock: Clock) {
    this.#entriesMax = entriesMax
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** What is known and holds. */
  fresh(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#clock.nowMs() >= entry.expiresAtMs) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** What held once, for when nothing better can be had; holds again for `graceMs`, so that not everybody asks anew. */
  stale(key: string, graceMs: number): Value | undefined {
    const entry = this.#entries.get(key)
    const nowMs = this.#clock.nowMs()
    if (entry === undefined || nowMs >= entry.staleUntilMs) return undefined
    entry.expiresAtMs = Math.max(entry.expiresAtMs, Math.min(nowMs + graceMs, entry.staleUntilMs))
    return entry.value
  }

  /** @param ttlMs 0 for what holds for who asked alone @param staleMs how much longer it may serve as a last resort */
  store(key: string, value: Value, ttlMs: number, staleMs: number): void {
    this.#entries.delete(key)
    if (ttlMs + staleMs <= 0) return
    const storedAtMs = this.#clock.nowMs()
    const expiresAtMs = storedAtMs + ttlMs
    this.#entries.set(key, { value, storedAtMs, expiresAtMs, staleUntilMs: expiresAtMs + staleMs })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax) break
      this.#entries.delete(oldest)
    }
  }

  /** What was stored longer than `leastAgeMs` ago holds no longer. */
  expire(key: string, leastAgeMs: number): void {
    const entry = this.#entries.get(key)
    const nowMs = this.#clock.nowMs()
    if (entry === undefined || nowMs - entry.storedAtMs < leastAgeMs) return
    entry.expiresAtMs = Math.min(entry.expiresAtMs, nowMs)
  }
}
