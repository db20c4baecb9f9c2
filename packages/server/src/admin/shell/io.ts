/**
 * Owns what a shell command has of the world around it.
 * Must not know: commands.
 */
import type { Clock } from '@shardwire/protocol'
import type { Environment, ReadFile } from '../../config/read-options.ts'

export interface ShellIo {
  readonly env: Environment
  readonly readFile: ReadFile
  readonly clock: Clock
  readonly write: (text: string) => void
  readonly writeError: (text: string) => void
  /** Undefined where output is no terminal. */
  readonly terminal: Terminal | undefined
}

export interface Terminal {
  size(): { readonly columns: number; readonly rows: number }
  /** Keys that are pressed, one character each; undefined where there is no keyboard. @returns how to stop listening */
  readonly onKeys: ((listener: (key: string) => void) => () => void) | undefined
  /** Somebody wants the process to end. @returns how to stop listening */
  onSignal(listener: () => void): () => void
}
