/**
 * Owns a second opinion on JSON streams: the rules of docs/protocol.md written down once more, slowly, over a whole
 * one.
 * Must not know: the codec under test, or any of its helpers.
 * Invariant: takes the stream at once and keeps nothing. Where an object ends it finds by trying to parse it, brace by
 * brace, so it counts no depth and knows no strings.
 */

export interface OracleObject {
  /** What the answer names it by. */
  readonly uid: string | undefined
  /** Whether there is one that is neither a string nor a number. */
  readonly isBadUid: boolean
  readonly route: string | number
  readonly val: unknown
}

export interface OracleStream {
  /** In order; life signs as 'life'. */
  readonly objects: readonly (OracleObject | 'life')[]
  readonly ends: 'whole' | 'cut' | 'broken'
  /** Bytes of each object; the last may be cut, or none. Of one nested too deep those up to where it is. */
  readonly sizes: readonly number[]
}

/** Strings, one that is cut at the end of the text among them, and brackets. */
const TOKENS = /"(?:[^"\\]|\\[\s\S])*"|"(?:[^"\\]|\\[\s\S])*\\?$|[{}[\]]/g

/** Everything that a stream says; how long an object may be is not its business. */
export function readJsonStream(stream: Uint8Array): OracleStream {
  const objects: (OracleObject | 'life')[] = []
  const sizes: number[] = []
  // A character a byte, so that offsets are those of the stream.
  let rest = Buffer.from(stream)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  for (;;) {
    rest = rest.replace(/^[ \t\r\n]+/, '')
    if (rest === '') return { objects, sizes, ends: 'whole' }
    if (isCutMark(stream)) return { objects, sizes, ends: 'cut' }
    if (!rest.startsWith('{')) return { objects, sizes, ends: 'broken' }
    const tooDeep = endOfDepth(rest)
    if (tooDeep !== undefined) return { objects, sizes: [...sizes, tooDeep], ends: 'broken' }
    const end = endOfObject(rest)
    sizes.push(end ?? lengthOf(rest))
    if (end === undefined) return { objects, sizes, ends: isBalanced(rest) ? 'broken' : 'cut' }
    const object = readObject(Buffer.from(rest.slice(0, end), 'latin1'))
    if (object === undefined) return { objects, sizes, ends: 'broken' }
    objects.push(object)
    rest = rest.slice(end)
  }
}

function isCutMark(stream: Uint8Array): boolean {
  const text = Buffer.from(stream).toString('latin1')
  return text === '\xef' || text === '\xef\xbb'
}

/** Bytes of what is no object: to where as many brackets close as open, else all that came and at least one more. */
function lengthOf(text: string): number {
  let open = 0
  for (const match of text.matchAll(TOKENS)) {
    if (match[0] === '{' || match[0] === '[') open++
    else if (match[0] === '}' || match[0] === ']') open--
    if (open === 0 && !match[0].startsWith('"')) return match.index + 1
  }
  return text.length + 1
}

/** The shortest beginning that is JSON. */
function endOfObject(text: string): number | undefined {
  for (let at = text.indexOf('}'); at >= 0; at = text.indexOf('}', at + 1)) {
    if (isJson(text.slice(0, at + 1))) return at + 1
  }
  return undefined
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Where the object at the beginning, as far as there is one, is nested deeper than 64. */
function endOfDepth(text: string): number | undefined {
  let depth = 0
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    if (depth > 64) return index + 1
    if (depth === 0) return undefined
  }
  return undefined
}

/** Whether as many brackets close as open somewhere, outside of strings: then what stands before is no JSON. */
function isBalanced(text: string): boolean {
  let open = 0
  for (const token of text.match(TOKENS) ?? []) {
    if (token === '{' || token === '[') open++
    else if (token === '}' || token === ']') open--
    if (open === 0 && !token.startsWith('"')) return true
  }
  return false
}

function readObject(bytes: Buffer): OracleObject | 'life' | undefined {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
  const members = lastMembers(text)
  if (!members.has('uid') && !members.has('val')) return 'life'
  const uid = members.get('uid')
  const route = members.get('route')
  const value = uid?.value ?? undefined
  const isNamed = typeof value === 'string' || typeof value === 'number'
  return {
    uid: !isNamed ? undefined : typeof value === 'string' ? JSON.stringify(value) : uid?.text,
    isBadUid: value !== undefined && !isNamed,
    route: (route?.value ?? 'greet') as string | number,
    val: members.get('val')?.value,
  }
}

interface Member {
  readonly text: string
  readonly value: unknown
}

/** By the reviver of JSON.parse, which is told the text of each number, member by member of the outermost object. */
function lastMembers(text: string): Map<string, Member> {
  const found = new Map<string, Member>()
  for (const [key, value, source] of outermost(text)) {
    found.set(
      key.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
      { text: source, value },
    )
  }
  return found
}

/** Splits the outermost object at its commas, each tried until both sides are JSON. */
function* outermost(text: string): Iterable<[key: string, value: unknown, source: string]> {
  let rest = text.trim().slice(1, -1).trim()
  while (rest !== '') {
    const end = memberEnd(rest)
    const member = rest.slice(0, end)
    rest = rest.slice(end + 1).trim()
    const colon = keyEnd(member)
    const source = member.slice(colon + 1).trim()
    yield [JSON.parse(member.slice(0, colon)) as string, JSON.parse(source), source]
  }
}

function memberEnd(text: string): number {
  for (let at = text.indexOf(','); at >= 0; at = text.indexOf(',', at + 1)) {
    if (isJson(`{${text.slice(0, at)}}`)) return at
  }
  return text.length
}

function keyEnd(member: string): number {
  for (let at = member.indexOf(':'); at >= 0; at = member.indexOf(':', at + 1)) {
    if (isJson(member.slice(0, at))) return at
  }
  throw new Error(`no key in ${member}`)
}
