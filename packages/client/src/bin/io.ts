/**
 * Owns what the program reads from and writes to, and how it may be interrupted; and its exit codes.
 * Must not know: commands.
 * Invariant: scripts may rely on exit codes: a code never changes its meaning.
 */
import type { Clock } from '@shardwire/protocol'
import type { Readable, Writable } from 'node:stream'

export const EXIT_OK = 0
/** The server answered with an error, or not at all. */
export const EXIT_FAILED = 1
/** Wrong arguments. */
export const EXIT_USAGE = 2
/** No connection came about. */
export const EXIT_NO_CONNECTION = 3
/** Ctrl-C. */
export const EXIT_INTERRUPTED = 130

export interface Io {
  readonly input: Readable
  /** Answers and messages, nothing else: what a script reads. */
  readonly out: Writable
  /** Everything for people: times, errors, the prompt's neighbours. */
  readonly err: Writable
  /** Whether a person sits at input and output. */
  readonly isTerminal: boolean
  readonly clock: Clock
  /** Calls back at each Ctrl-C from now on. @returns what ends that */
  onInterrupt(listener: () => void): () => void
}
