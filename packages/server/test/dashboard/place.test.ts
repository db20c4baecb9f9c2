import { describe, expect, it } from 'vitest'
import { changed, hashOf, placeOf } from '../../src/dashboard/place.ts'
import {
  connectionParameters,
  pagesOf,
  toNext,
  toPrevious,
  toSort,
} from '../../src/dashboard/views/connection-query.ts'
import { connectionQuery } from '../../src/admin/query.ts'

describe('a place in the page', () => {
  it('is what its address says, and the other way round', () => {
    const place = { tab: 'connections', settings: { address: '::1/128', open: 'a-1', idle: '1.5' } } as const
    expect(placeOf(hashOf(place))).toEqual(place)
    expect(hashOf({ tab: 'closed', settings: { reason: '' } })).toBe('#closed')
  })

  it('is the overview where the address names nothing', () => {
    for (const hash of ['', '#', '#nonsense', '#<b>?x=%zz']) expect(placeOf(hash).tab).toBe('overview')
  })

  it('changes one setting and keeps the others', () => {
    const place = placeOf('#connections?worker=1&state=open')
    expect(changed(place, { worker: '', order: 'asc' }).settings).toEqual({ state: 'open', order: 'asc' })
  })
})

describe('a question for connections', () => {
  const asked = (settings: Record<string, string>): unknown =>
    connectionQuery(new URLSearchParams(connectionParameters(settings)))

  it('is understood by the daemon, in its own units', () => {
    const settings = { worker: '1', address: '10.0.0.0/8', state: 'open', idle: '1.5', unsent: '2', sort: 'unsent' }
    expect(asked({ ...settings, order: 'asc', limit: '200' })).toEqual({
      filter: { worker: 1, address: '10.0.0.0/8', state: 'open', idleMs: 1500, unsentBytes: 2048 },
      ...{ sort: 'unsent', ascending: true, limit: 200, after: null },
    })
    expect(asked({})).toMatchObject({ filter: {}, sort: 'age', ascending: false })
  })

  it('that is wrong is told to be wrong by the daemon', () => {
    expect(() => asked({ idle: 'long' })).toThrow('idle-ms is "long"')
    expect(() => asked({ address: 'nowhere' })).toThrow('address is "nowhere"')
  })

  it('knows the way back from each page', () => {
    let settings: Record<string, string> = {}
    settings = { ...settings, ...toNext(settings, '5:0:1') }
    settings = { ...settings, ...toNext(settings, '-4.5e-7:1:2') }
    expect(pagesOf(settings)).toHaveLength(2)
    expect(asked(settings)).toMatchObject({ after: { key: -4.5e-7, worker: 1, sequence: 2 } })
    settings = { ...settings, ...toPrevious(settings) }
    expect(asked(settings)).toMatchObject({ after: { key: 5, worker: 0, sequence: 1 } })
    expect(toPrevious(settings)).toEqual({ after: '' })
  })

  it('is turned round when a head is pressed again, and begins at the first page', () => {
    expect(toSort({}, 'unsent')).toEqual({ sort: 'unsent', order: '', after: '' })
    expect(toSort({ sort: 'unsent', after: '1:1:1' }, 'unsent')).toEqual({ sort: 'unsent', order: 'asc', after: '' })
    expect(toSort({ sort: 'unsent', order: 'asc' }, 'unsent')).toEqual({ sort: 'unsent', order: '', after: '' })
    expect(toSort({}, 'age')).toEqual({ sort: '', order: 'asc', after: '' })
  })
})
