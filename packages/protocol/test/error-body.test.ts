/** ERROR bodies: an error always gets out, and whatever comes in is an error. */
import {
  BAD_FRAME,
  BAD_REQUEST,
  decodeErrorBody,
  encodeBody,
  encodeErrorBody,
  ERROR_BODY_BYTES_MAX,
  ERROR_MESSAGE_LENGTH_MAX,
  ERROR_TABLE,
  OVERLOADED,
  ShardwireError,
} from '@shardwire/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { propertyRuns } from './support/property.ts'

function decodeAll(bytes: Uint8Array): ShardwireError {
  return decodeErrorBody(bytes, 0, bytes.length)
}

test('every error of the table comes back as it was', () => {
  for (const { code } of ERROR_TABLE) {
    const error = new ShardwireError(code, 'why', { retryAfterMs: 250, details: { a: [1, 'two'] } })
    const back = decodeAll(encodeErrorBody(error))
    const { name, message, retryable, retryAfterMs, details } = error
    expect(back).toMatchObject({ code, name, message, retryable, retryAfterMs, details })
  }
})

test('what an error does not have is not written', () => {
  const bytes = encodeErrorBody(new ShardwireError(BAD_REQUEST, 'no'))
  expect(bytes).toEqual(encodeBody({ code: 6, name: 'BAD_REQUEST', message: 'no', retryable: false }))
})

test('details that have no form are dropped, and the error goes out', () => {
  for (const details of [() => 1, new Map(), 5n, { deep: Symbol('s') }]) {
    expect(decodeAll(encodeErrorBody(new ShardwireError(BAD_REQUEST, 'no', { details })))).toMatchObject({
      code: BAD_REQUEST,
      message: 'no',
      details: undefined,
    })
  }
})

test('details that are too long are dropped', () => {
  const details = 'x'.repeat(ERROR_BODY_BYTES_MAX)
  const bytes = encodeErrorBody(new ShardwireError(BAD_REQUEST, 'no', { details }))
  expect(decodeAll(bytes)).toMatchObject({ message: 'no', details: undefined })
})

test('a long message is cut, also in the middle of a character', () => {
  const message = `${'x'.repeat(ERROR_MESSAGE_LENGTH_MAX - 1)}𝄞`
  const back = decodeAll(encodeErrorBody(new ShardwireError(BAD_REQUEST, message)))
  expect(back.message).toBe(`${'x'.repeat(ERROR_MESSAGE_LENGTH_MAX - 1)}\ufffd`)
})

test('a body that has to be shorter still loses its message last of all', () => {
  const error = new ShardwireError(OVERLOADED, 'x'.repeat(500), { retryAfterMs: 9, details: [1] })
  const bytes = encodeErrorBody(error, 100)
  expect(bytes.length).toBeLessThanOrEqual(100)
  expect(decodeAll(bytes)).toMatchObject({ code: OVERLOADED, name: 'OVERLOADED', message: '', retryable: true })
})

test('for a code of ours the table has the last word, for another one the sender has', () => {
  const lie = decodeAll(encodeBody({ code: 1, name: 'OK', message: '', retryable: true }))
  expect(lie).toMatchObject({ name: 'BAD_FRAME', retryable: false })
  const foreign = decodeAll(encodeBody({ code: 700, name: 'NEW', message: 'm', retryable: true, details: 4 }))
  expect(foreign).toMatchObject({ code: 700, name: 'NEW', retryable: true, details: 4 })
  expect(decodeAll(encodeBody({ code: 701 }))).toMatchObject({ name: 'ERROR_701', retryable: false, message: '' })
})

test('unknown keys are ignored, and known ones of the wrong type', () => {
  const bytes = encodeBody({ code: 11, message: 5, retryAfterMs: 'soon', retryable: 'yes', name: null, trace: [1] })
  expect(decodeAll(bytes)).toMatchObject({ code: 11, message: '', retryAfterMs: undefined, retryable: true })
  expect(decodeAll(encodeBody({ code: 11, retryAfterMs: -1 })).retryAfterMs).toBeUndefined()
  expect(decodeAll(encodeBody({ code: 11, retryAfterMs: Infinity })).retryAfterMs).toBeUndefined()
})

test('what is no error map is an error BAD_FRAME that says so', () => {
  const bodies = [[1], {}, { code: 'one' }, { code: 0 }, { code: 65_536 }, { code: 1.5 }, null, 'text', new Date(0)]
  for (const body of bodies)
    expect(decodeAll(encodeBody(body)), JSON.stringify(body)).toMatchObject({ code: BAD_FRAME })
  expect(decodeAll(new Uint8Array(0)).message).toMatch(/cannot be read/)
})

test('no bytes make it throw', () => {
  const any = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    expect(decodeAll(bytes)).toBeInstanceOf(ShardwireError)
  })
  fc.assert(any, propertyRuns('error bodies of noise', 5000))
})
