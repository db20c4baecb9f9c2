/**
 * Owns the kinds of values: durations, sizes, counts, switches, choices, paths. Each is a schema together with the
 * words for what it accepts, so that the two cannot part.
 * Must not know: which options there are.
 * Invariant: a kind accepts exactly what its `expected` says, in one notation: what it prints it also reads.
 */
import { z } from 'zod'
import { closestName } from './closest-name.ts'
import { correctNumber, DURATION_UNITS, SIZE_UNITS, withoutQuotes, type Units } from './corrections.ts'

const PERCENT_MAX = 100

/** One thing wrong with a value. A list has one for every entry that is wrong. */
export interface Fault {
  /** The part of the value that is wrong; all of it unless it is a list. */
  readonly value: string
  /** Goes on from "NAME is VALUE, which". */
  readonly complaint: string
  readonly expected: string
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] }

export interface Kind<T> {
  /** What is accepted, in words, with unit and range. */
  readonly expected: string
  parse(text: string): Parsed<T>
}

export interface IntegerRange {
  readonly min: number
  readonly max: number
  /** 0 is accepted besides min to max, and means this. */
  readonly zero?: string
}

interface Notation {
  /** What a plain number counts, in the plural. */
  readonly unit: string
  readonly units?: Units
}

/** Whole milliseconds. */
export function milliseconds(range: IntegerRange): Kind<number> {
  return integer(range, { unit: 'milliseconds', units: DURATION_UNITS })
}

/** Whole bytes. */
export function bytes(range: IntegerRange): Kind<number> {
  return integer(range, { unit: 'bytes', units: SIZE_UNITS })
}

/** How many there are of something. */
export function count(range: IntegerRange): Kind<number> {
  return integer(range, { unit: '' })
}

function integer({ min, max, zero }: IntegerRange, { unit, units }: Notation): Kind<number> {
  const ofUnit = unit === '' ? '' : ` of ${unit}`
  const schema = z
    .string()
    .regex(/^(0|[1-9]\d*)$/, `is not a plain whole number${ofUnit}`)
    .transform(Number)
    .refine((value) => value >= min || (zero !== undefined && value === 0), `is less than ${min}`)
    .refine((value) => value <= max, `is more than ${max}`)
  const expected = `${zero === undefined ? '' : `0 (${zero}) or `}a whole number${ofUnit} from ${min} to ${max}`
  return fromSchema(schema, expected, (text) => correctNumber(text, units))
}

/** A part of a hundred, from 0 to 100, with a fraction if need be. */
export function percent(): Kind<number> {
  const schema = z
    .string()
    .regex(/^(0|[1-9]\d*)(\.\d+)?$/, 'is not a plain number')
    .transform(Number)
    .refine((value) => value <= PERCENT_MAX, `is more than ${PERCENT_MAX}`)
  const correct = (text: string): string => withoutQuotes(text).replace(/ *%$/, '').replace(/^\./, '0.')
  return fromSchema(schema, `a number from 0 to ${PERCENT_MAX}, such as 2.5`, correct)
}

/** A switch. */
export function flag(): Kind<boolean> {
  const schema = z.enum(['true', 'false'], 'is neither true nor false').transform((text) => text === 'true')
  return fromSchema(schema, 'true or false', correctFlag)
}

function correctFlag(text: string): string | undefined {
  const meant = withoutQuotes(text).toLowerCase()
  if (['true', '1', 'yes', 'y', 'on', 'enabled'].includes(meant)) return 'true'
  return ['false', '0', 'no', 'n', 'off', 'disabled'].includes(meant) ? 'false' : undefined
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[], note = ''): Kind<Word> {
  const expected = words.length === 1 ? words.join() : `one of ${words.join(', ')}`
  return fromSchema(z.enum(words, `is not ${expected}`), expected + note, (text) => {
    const meant = withoutQuotes(text).toLowerCase()
    return closestName(meant, words) ?? words.find((word) => meant.startsWith(word))
  })
}

/** A secret that travels in a header of HTTP: RFC 6750 names its characters. */
export function token({ min, max }: IntegerRange): Kind<string> {
  const characters = 'letters, digits and -._~+/='
  const schema = z
    .string()
    .regex(/^[A-Za-z0-9._~+/=-]*$/, `has characters other than ${characters}`)
    .min(min, `has fewer than ${min} characters`)
    .max(max, `has more than ${max} characters`)
  return fromSchema(schema, `${min} to ${max} ${characters}`, (text) => text.trim())
}

/** The path of a file. Whether it is there shows when it is opened. */
export function path(what: string): Kind<string> {
  const schema = z.string().regex(/^(?!.*:\/\/)[^\0\r\n]+$/, 'is not a path')
  return fromSchema(schema, `the path of ${what}`, (text) => text.replace(/^file:\/\//, ''))
}

function fromSchema<T>(
  schema: z.ZodType<T, string>,
  expected: string,
  correct: (text: string) => string | undefined,
): Kind<T> {
  return {
    expected,
    parse(text) {
      const result = schema.safeParse(text)
      if (result.success) return { ok: true, value: result.data }
      const complaint = complaintOf(result.error) + advice(text, correct(text), schema)
      return { ok: false, faults: [{ value: text, complaint, expected }] }
    },
  }
}

function complaintOf(error: z.ZodError): string {
  return error.issues[0]?.message ?? 'is not accepted'
}

/** What should have been written, when that can be told. */
function advice(text: string, meant: string | undefined, schema: z.ZodType): string {
  if (meant === undefined || meant === text) return ''
  const result = schema.safeParse(meant)
  return result.success ? `: write ${meant}` : `: it would be ${meant}, which ${complaintOf(result.error)}`
}
