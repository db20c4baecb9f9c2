/**
 * Owns the way to standard output and standard error: nothing else in the bench prints.
 * Must not know: what is printed.
 * Invariant: `terminal` says whether a line may be rewritten in place.
 */
import process from 'node:process'

/** Where nobody says how wide it is. */
const COLUMNS = 80

export interface Output {
  /** Whether this is a terminal, where a line can be rewritten. */
  readonly terminal: boolean
  /** Characters in a line of it. */
  readonly columns: number
  /** Whether it shows colours. */
  readonly colors: boolean
  /** Writes `text` as it is; the caller adds line ends. */
  write(text: string): void
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  hasColors?(): boolean
  write(text: string): boolean
}

function outputTo(stream: Stream): Output {
  const terminal = stream.isTTY === true
  return {
    terminal,
    get columns() {
      return stream.columns ?? COLUMNS
    },
    // Node's own answer heeds NO_COLOR and TERM.
    colors: terminal && stream.hasColors?.() === true,
    write: (text) => void stream.write(text),
  }
}

/** Where the program's two streams go. */
export interface Outputs {
  readonly out: Output
  readonly err: Output
}

export function standardOutputs(): Outputs {
  return { out: outputTo(process.stdout), err: outputTo(process.stderr) }
}
