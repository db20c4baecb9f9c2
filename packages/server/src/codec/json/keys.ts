/**
 * Owns reading single members of an object out of its JSON text: the last one of a name, whatever its case, as it was
 * written.
 * Must not know: what the member is for.
 * Invariant: the text has been parsed, so it is valid JSON and its value an object; nothing here checks that again.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const SPACE = 0x20
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/**
 * The text of the value of the last member of the object `text` whose key is `name` in whatever case (of ASCII);
 * undefined where there is none. Costs one look at each character.
 */
export function lastMemberText(text: string, name: string): string | undefined {
  let found: string | undefined
  let at = text.indexOf('{') + 1
  for (;;) {
    at = skipSpace(text, at)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
    if (text.charCodeAt(at) !== QUOTE) return found
    const keyEnd = skipString(text, at)
    const key = keyOf(text, at, keyEnd)
    const colon = skipSpace(text, keyEnd)
    const valueStart = skipSpace(text, colon + 1)
    at = skipValue(text, valueStart)
    if (key.length === name.length && key.toLowerCase() === name) found = text.slice(valueStart, at)
  }
}

/** @param at of the first quote */
function keyOf(text: string, at: number, end: number): string {
  const key = text.slice(at + 1, end - 1)
  return key.includes('\\') ? (JSON.parse(text.slice(at, end)) as string) : key
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) <= SPACE) at++
  return at
}

/** @returns the offset behind the value that begins at `from` */
function skipValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = skipString(text, at) - 1
      if (depth === 0) return at + 1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      // The end of the object around a number or a word.
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (code === COMMA || code <= SPACE)) return at
  }
}

/** @param at of the first quote. @returns the offset behind the last */
function skipString(text: string, at: number): number {
  let end = at + 1
  while (text.charCodeAt(end) !== QUOTE) end += text.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end + 1
}
