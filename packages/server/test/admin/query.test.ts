/** Owns the tests of reading the query of an admin address. */
import { describe, expect, it } from 'vitest'
import { closedQuery, connectionQuery, cursorText } from '../../src/admin/query.ts'

describe('the query for connections', () => {
  it('without anything is the fifty oldest', () => {
    const expected = { filter: {}, sort: 'age', ascending: false, limit: 50, after: null }
    expect(connectionQuery(new URLSearchParams())).toEqual(expected)
  })

  it('is read in full', () => {
    const filters = 'worker=1&listener=0&address=10.0.0.0/8&state=open&identity=dev&idle-ms=5&unsent-bytes=6'
    const text = `sort=bytes-in&order=asc&limit=200&${filters}`
    expect(connectionQuery(new URLSearchParams(text))).toEqual({
      filter: {
        worker: 1,
        listener: 0,
        address: '10.0.0.0/8',
        state: 'open',
        identity: 'dev',
        idleMs: 5,
        unsentBytes: 6,
      },
      sort: 'bytes-in',
      ascending: true,
      limit: 200,
      after: null,
    })
  })

  it.each([-123.456, 0, 1e21, 5e-7])('goes on behind a page that ended with %d', (key) => {
    const after = { key, worker: 3, sequence: 17 }
    expect(connectionQuery(new URLSearchParams({ after: cursorText(after) })).after).toEqual(after)
  })

  it.each([
    ['limit=0', 'limit is "0": expected 1 to 200'],
    ['limit=201', 'limit is "201": expected 1 to 200'],
    ['limit=x', 'limit is "x": expected a whole number'],
    ['sort=size', 'sort is "size": expected one of age, idle, '],
    ['order=up', 'order is "up": expected desc or asc'],
    ['address=10.0.0.1/8', 'address is "10.0.0.1/8": expected an IP address, or a network'],
    ['after=1', 'after is "1": expected what next said'],
    ['worker=-1', 'worker is "-1": expected a whole number'],
    ['state=closed', 'state is "closed": expected one of'],
    ['page=2', 'there is no parameter "page": expected sort, order, '],
    ['limit=1&limit=2', 'limit is there twice'],
    ['__proto__=1', 'there is no parameter "__proto__"'],
    ['constructor=1', 'there is no parameter "constructor"'],
  ])('%s is refused, and told why', (text, message) => {
    expect(() => connectionQuery(new URLSearchParams(text))).toThrow(message)
  })
})

it('the query for connections that ended', () => {
  expect(closedQuery(new URLSearchParams('limit=5&reason=BAD_CRC&class=protocol&address=::1'))).toEqual({
    limit: 5,
    reason: 'BAD_CRC',
    class: 'protocol',
    address: '::1',
  })
  expect(() => closedQuery(new URLSearchParams('reason=NONE'))).toThrow('reason is "NONE"')
})
