/**
 * Owns nothing: what is told what came of a request, in place of a promise.
 */

/** Told once, by whoever reads the answer: within its turn, so it must neither throw nor take long. */
export interface Receiver<Answer> {
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/** Tells what came of a promise. */
export function receiveFrom<Answer>(promise: Promise<Answer>, receiver: Receiver<Answer>): void {
  promise.then(
    (answer) => {
      receiver.resolve(answer)
    },
    (error: unknown) => {
      receiver.reject(error)
    },
  )
}
