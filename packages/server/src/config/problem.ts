/**
 * Owns the shape of a problem with the configuration, and how a value that somebody else wrote is quoted in it.
 * Must not know: which options there are, or how problems are laid out on a terminal.
 * Invariant: nothing quoted here can move a terminal's cursor, break a line, or show a password of a URL.
 */

export interface Problem {
  /** The variable to change. */
  readonly name: string
  /** Its value as it was written, quoted; of a secret or an unknown variable only `NOT_SHOWN`. */
  readonly value: string
  /** What would have been accepted. */
  readonly expected: string
  /** A line that works: `NAME=value`. */
  readonly example: string
  /** One sentence that says by itself what is wrong, with name and value. */
  readonly message: string
}

/** Stands where a value is or may be a secret. */
export const NOT_SHOWN = '(not shown)'

const QUOTED_LENGTH_MAX = 120

/** The text in double quotes on one line, cut when it is long, without the user part of a URL. */
export function quote(text: string): string {
  const shown = text.replace(/\/\/[^\s,]*@/g, '//...@')
  return printable(JSON.stringify(shown.length > QUOTED_LENGTH_MAX ? `${shown.slice(0, QUOTED_LENGTH_MAX)}...` : shown))
}

/** The text with control and formatting characters spelled out. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}
