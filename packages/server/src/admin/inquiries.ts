/**
 * Owns asking workers: each question to several at once, and what came back when all have answered or time is up.
 * Must not know: what is asked, or what the answers mean.
 * Invariant: a question ends, whatever workers do: one that dies or stands still is told as missing. So many are under
 * way at once at most, beside the daemon's own.
 */
import type { Clock } from '@shardwire/protocol'
import type { ToWorker } from '../ipc.ts'
import type { Finding, Findings, Inquiry } from './inspect/inquiry.ts'

const WAIT_MS_MAX = 2000
const UNDER_WAY_MAX = 16

/** A worker, as far as it is asked. */
export interface AskedWorker {
  readonly slot: number
  readonly epoch: string
  readonly ready: boolean
  tell(message: Extract<ToWorker, { type: 'inquire' }>): void
}

export interface Answers<About extends keyof Findings> {
  readonly findings: readonly Findings[About][]
  /** Slots that did not answer. */
  readonly missing: readonly number[]
}

/** Too many questions are under way. */
export class TooManyInquiries extends Error {
  override readonly name = 'TooManyInquiries'
}

interface Question {
  readonly waiting: Map<number, AskedWorker>
  readonly findings: Finding[]
  readonly missing: number[]
  readonly done: () => void
}

export class Inquiries {
  readonly #clock: Clock
  readonly #workers: () => readonly AskedWorker[]
  readonly #underWay = new Set<Question>()
  #lastId = 0

  constructor(clock: Clock, workers: () => readonly AskedWorker[]) {
    this.#clock = clock
    this.#workers = workers
  }

  /** Those that have connections, or may. */
  get workers(): readonly AskedWorker[] {
    return this.#workers().filter(({ ready }) => ready)
  }

  /** @throws TooManyInquiries */
  async ask<About extends keyof Findings>(
    inquiry: Extract<Inquiry, { about: About }>,
    workers: readonly AskedWorker[] = this.workers,
  ): Promise<Answers<About>> {
    if (this.#underWay.size >= UNDER_WAY_MAX) throw new TooManyInquiries(`${UNDER_WAY_MAX} inquiries are under way`)
    return await this.askAnyhow(inquiry, workers)
  }

  /** However many are under way: for what the daemon asks of its own accord, one after the other. */
  async askAnyhow<About extends keyof Findings>(
    inquiry: Extract<Inquiry, { about: About }>,
    workers: readonly AskedWorker[] = this.workers,
  ): Promise<Answers<About>> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const question: Question = { waiting: new Map(), findings: [], missing: [], done: resolve }
    for (const worker of workers) question.waiting.set(++this.#lastId, worker)
    this.#underWay.add(question)
    const cancel = this.#clock.after(WAIT_MS_MAX, () => this.#giveUp(question, () => true))
    for (const [id, worker] of question.waiting) worker.tell({ type: 'inquire', id, inquiry })
    if (workers.length > 0) await promise
    cancel()
    this.#underWay.delete(question)
    const isAnswer = (finding: Finding): finding is Extract<Finding, { about: About }> =>
      finding.about === inquiry.about
    const findings = question.findings.filter(isAnswer).map(({ finding }) => finding as Findings[About])
    return { findings, missing: question.missing.toSorted((a, b) => a - b) }
  }

  /** A worker has answered; null where it failed. */
  found(worker: AskedWorker, id: number, finding: Finding | null): void {
    for (const question of this.#underWay) {
      if (question.waiting.get(id) !== worker) continue
      if (finding !== null) question.findings.push(finding)
      else question.missing.push(worker.slot)
      question.waiting.delete(id)
      if (question.waiting.size === 0) question.done()
    }
  }

  /** A worker is gone: it answers nothing more. */
  gone(worker: AskedWorker): void {
    for (const question of this.#underWay) this.#giveUp(question, (asked) => asked === worker)
  }

  #giveUp(question: Question, isGone: (worker: AskedWorker) => boolean): void {
    for (const [id, worker] of question.waiting) {
      if (!isGone(worker)) continue
      question.waiting.delete(id)
      question.missing.push(worker.slot)
    }
    if (question.waiting.size === 0) question.done()
  }
}
