/**
 * Owns reading the query of an admin address into what is asked of workers.
 * Must not know: HTTP, who answers.
 * Invariant: whatever is written there is either understood or told to be wrong, with what was expected.
 */
import { z } from 'zod'
import { parseNetwork } from '../admission/address.ts'
import { CLOSE_REASONS } from '../close-reason.ts'
import { type ClosedQuery, type ConnectionQuery, type Cursor, PAGE_ROWS_MAX, SORT_KEYS } from './inspect/inquiry.ts'

/** What is wrong with a query. */
export class BadQuery extends Error {
  override readonly name = 'BadQuery'
}

const LIMIT_DEFAULT = 50
const TEXT_LENGTH_MAX = 256
const STATES = ['handshake', 'open', 'draining', 'ending', 'finished'] as const
const CLASSES = ['normal', 'transient', 'protocol', 'limit', 'system'] as const

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'a whole number')
  .transform(Number)
const limit = wholeNumber
  .refine((value) => value >= 1 && value <= PAGE_ROWS_MAX, `1 to ${PAGE_ROWS_MAX}`)
  .default(LIMIT_DEFAULT)
const address = z
  .string()
  .refine((text) => typeof parseNetwork(text) !== 'string', 'an IP address, or a network such as 10.0.0.0/8')
const cursor = z
  .string()
  .regex(/^-?\d+(\.\d+)?(e[+-]?\d+)?:\d+:\d+$/, 'what next said of the page before')
  .transform(parseCursor)

const CONNECTIONS = z.strictObject({
  sort: z.enum(SORT_KEYS, `one of ${SORT_KEYS.join(', ')}`).default('age'),
  order: z.enum(['desc', 'asc'], 'desc or asc').default('desc'),
  limit,
  after: cursor.optional(),
  worker: wholeNumber.optional(),
  listener: wholeNumber.optional(),
  address: address.optional(),
  state: z.enum(STATES, `one of ${STATES.join(', ')}`).optional(),
  identity: z.string().max(TEXT_LENGTH_MAX, `at most ${TEXT_LENGTH_MAX} characters`).optional(),
  'idle-ms': wholeNumber.optional(),
  'unsent-bytes': wholeNumber.optional(),
})

const CLOSED = z.strictObject({
  limit,
  reason: z.enum(CLOSE_REASONS, 'a close reason, as docs/operations.md has them').optional(),
  class: z.enum(CLASSES, `one of ${CLASSES.join(', ')}`).optional(),
  address: address.optional(),
})

/** @throws BadQuery */
export function connectionQuery(query: URLSearchParams): ConnectionQuery {
  const read = parse(CONNECTIONS, query)
  const { worker, listener, address: network, state, identity } = read
  const filter = {
    ...(worker !== undefined && { worker }),
    ...(listener !== undefined && { listener }),
    ...(network !== undefined && { address: network }),
    ...(state !== undefined && { state }),
    ...(identity !== undefined && { identity }),
    ...(read['idle-ms'] !== undefined && { idleMs: read['idle-ms'] }),
    ...(read['unsent-bytes'] !== undefined && { unsentBytes: read['unsent-bytes'] }),
  }
  return { filter, sort: read.sort, ascending: read.order === 'asc', limit: read.limit, after: read.after ?? null }
}

/** @throws BadQuery */
export function closedQuery(query: URLSearchParams): ClosedQuery {
  const { limit: most, reason, class: wanted, address: network } = parse(CLOSED, query)
  return {
    limit: most,
    ...(reason !== undefined && { reason }),
    ...(wanted !== undefined && { class: wanted }),
    ...(network !== undefined && { address: network }),
  }
}

/** The text that `after` takes. */
export function cursorText({ key, worker, sequence }: Cursor): string {
  return `${key}:${worker}:${sequence}`
}

function parseCursor(text: string): Cursor {
  const [key = 0, worker = 0, sequence = 0] = text.split(':').map(Number)
  return { key, worker, sequence }
}

function parse<Schema extends z.ZodObject>(schema: Schema, query: URLSearchParams): z.infer<Schema> {
  const names = [...query.keys()]
  const unknown = names.find((name) => !Object.hasOwn(schema.shape, name))
  if (unknown !== undefined) {
    throw new BadQuery(
      `there is no parameter ${JSON.stringify(unknown)}: expected ${Object.keys(schema.shape).join(', ')}`,
    )
  }
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) throw new BadQuery(`${twice} is there twice`)
  const given = Object.fromEntries(query)
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const name = String(issue?.path[0])
  throw new BadQuery(`${name} is ${JSON.stringify(given[name])}: expected ${issue?.message ?? 'something else'}`)
}
