import { describe, expect, it } from 'vitest'
import { TicketBook } from '../../src/worker/ticket-book.ts'

describe('TicketBook', () => {
  it('finds the newest entries and forgets the rest', () => {
    const book = new TicketBook<string>()
    for (let sequence = 1; sequence <= 1025; sequence++) book.add(sequence, `owner ${sequence}`)
    expect([book.find(1), book.find(2), book.find(1025), book.find(9999)]).toEqual([
      undefined,
      'owner 2',
      'owner 1025',
      undefined,
    ])
  })
})
