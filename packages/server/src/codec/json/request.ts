/**
 * Owns what an object of a JSON stream asks for.
 * Must not know: bytes, connections, routes that exist.
 * Invariant: of keys that differ in case only, or not at all, the last one of the text counts; a number that names a
 * request keeps its digits.
 */
import { lastMemberText } from './keys.ts'

export interface JsonRequest {
  /** As handlers are given it: undefined where there is none, or it is null. */
  readonly uid: unknown
  /** The JSON text that the answer names it by; undefined where it has none. */
  readonly uidText: string | undefined
  /** Undefined where there is none, or it is null. */
  readonly route: unknown
  /** Undefined where there is none. */
  readonly val: unknown
  /** What is wrong with it, though it is an object; undefined where nothing is. */
  readonly fault: string | undefined
}

type KeyName = 'uid' | 'route' | 'val'

const UID_EXPECTED = 'uid must be a string or a number'
const PROTO_REFUSED = 'val must have no key __proto__'

/**
 * What the object `text` asks for; undefined for one with neither uid nor val, which is but a sign of life.
 * @param value what JSON.parse makes of it
 */
export function readRequest(value: Readonly<Record<string, unknown>>, text: string): JsonRequest | undefined {
  // How many spellings of each there are.
  let uids = 0
  let routes = 0
  let vals = 0
  let uid: unknown
  let route: unknown
  let val: unknown
  // Keys that JSON.parse made are own ones, and so are no others.
  for (const key in value) {
    const name = nameOf(key)
    if (name === 'uid') {
      uids++
      uid = value[key]
    } else if (name === 'val') {
      vals++
      val = value[key]
    } else if (name === 'route') {
      routes++
      route = value[key]
    }
  }
  if (uids === 0 && vals === 0) return undefined
  // A key keeps the place of its first spelling when it comes again: which was last only the text can tell.
  if (uids > 1) uid = lastMember(text, 'uid')
  if (routes > 1) route = lastMember(text, 'route')
  if (vals > 1) val = lastMember(text, 'val')
  return requestOf(text, uid ?? undefined, route ?? undefined, val)
}

/** Which of the keys that mean something it is; most are written as here. */
function nameOf(key: string): KeyName | undefined {
  if (key === 'uid' || key === 'val' || key === 'route') return key
  if (key.length !== 3 && key.length !== 5) return undefined
  const name = key.toLowerCase()
  return name === 'uid' || name === 'val' || name === 'route' ? name : undefined
}

function requestOf(text: string, uid: unknown, route: unknown, val: unknown): JsonRequest {
  const uidText = uidTextOf(text, uid)
  const isBadUid = uid !== undefined && uidText === undefined
  const fault = isBadUid ? UID_EXPECTED : isUnsafe(val, text) ? PROTO_REFUSED : undefined
  return { uid, uidText, route, val, fault }
}

function lastMember(text: string, name: string): unknown {
  const member = lastMemberText(text, name)
  return member === undefined ? undefined : JSON.parse(member)
}

/** @returns undefined for what names no request */
function uidTextOf(text: string, uid: unknown): string | undefined {
  if (typeof uid === 'string') return JSON.stringify(uid)
  return typeof uid === 'number' ? lastMemberText(text, 'uid') : undefined
}

/** Whether there is a key __proto__ somewhere; it is looked for only where it may be, its letters escaped or not. */
function isUnsafe(val: unknown, text: string): boolean {
  if (typeof val !== 'object' || val === null) return false
  return (text.includes('__proto__') || text.includes('\\u00')) && hasProto(val)
}

/** Who copies such an object by assignment gives its copy another prototype. */
function hasProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Object.hasOwn(value, '__proto__')) return true
  return Object.values(value).some(hasProto)
}
