/**
 * Owns the making of a promise together with its two ends.
 * Must not know: what is promised.
 * Invariant: as `Promise.withResolvers`, which costs a third more: V8 makes `new Promise` in line, and that not.
 */
import type { Receiver } from './receiver.ts'

/** A promise and its ends, for a class that has them among its own fields. */
export abstract class Promised<Answer> {
  readonly promise: Promise<Answer>
  protected readonly fulfil: (answer: Answer) => void
  protected readonly fail: (error: unknown) => void

  constructor() {
    this.promise = new Promise<Answer>(capture)
    this.fulfil = capturedResolve
    this.fail = capturedReject
  }
}

/** Tells a promise. */
export class Settler<Answer> extends Promised<Answer> implements Receiver<Answer> {
  resolve(answer: Answer): void {
    this.fulfil(answer)
  }

  reject(error: unknown): void {
    this.fail(error)
  }
}

/** The two ends of the promise that was made last: without a closure for each. */
let capturedResolve: (answer: unknown) => void
let capturedReject: (error: unknown) => void

function capture(resolve: (answer: never) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve as (answer: unknown) => void
  capturedReject = reject
}
