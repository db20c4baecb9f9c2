/**
 * Owns the exit codes of the program and the error that carries one.
 * Must not know: how the process ends.
 * Invariant: scripts may rely on them: a code never changes its meaning.
 */

export const EXIT_PASS = 0
/** Kept for runs with an objective: it was missed. */
export const EXIT_SLO_MISSED = 1
/** The run's numbers must not be used. */
export const EXIT_INVALID = 2
/** The run did not take place: wrong flags, no server, limits of the system, nowhere to write the report. */
export const EXIT_ENVIRONMENT = 3

/** Why no run could take place, in a sentence that says what to do. */
export class EnvironmentError extends Error {
  /** The system's code, or one of ours. */
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'EnvironmentError'
    this.code = code
  }
}
