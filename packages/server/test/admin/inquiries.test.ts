/** Owns the tests of asking workers: all answers, and an end whatever they do. */
import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { type AskedWorker, Inquiries, TooManyInquiries } from '../../src/admin/inquiries.ts'
import type { Inquiry } from '../../src/admin/inspect/inquiry.ts'

class FakeWorker implements AskedWorker {
  readonly epoch = 'life'
  readonly ready = true
  readonly slot: number
  readonly asked: { id: number; inquiry: Inquiry }[] = []
  constructor(slot: number) {
    this.slot = slot
  }
  tell(message: { id: number; inquiry: Inquiry }): void {
    this.asked.push(message)
  }
  get lastId(): number {
    return this.asked.at(-1)?.id ?? -1
  }
}

function scene() {
  const clock = new FakeClock()
  const workers = [new FakeWorker(0), new FakeWorker(1)] as const
  return { clock, workers, inquiries: new Inquiries(clock, () => workers) }
}

const CLOSE = { about: 'close', sequence: 1, isReset: false } as const

describe('a question', () => {
  it('ends when all have answered, in whatever order', async () => {
    const { inquiries, workers, clock } = scene()
    const asked = inquiries.ask<'close'>(CLOSE)
    inquiries.found(workers[1], workers[1].lastId, { about: 'close', finding: true })
    inquiries.found(workers[0], workers[0].lastId, { about: 'close', finding: false })
    expect(await asked).toEqual({ findings: [true, false], missing: [] })
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends without one that dies, stands still or fails, and tells who is missing', async () => {
    const { inquiries, workers, clock } = scene()
    const dies = inquiries.ask<'close'>(CLOSE)
    inquiries.gone(workers[0])
    inquiries.found(workers[1], workers[1].lastId, { about: 'close', finding: true })
    expect(await dies).toEqual({ findings: [true], missing: [0] })
    const stands = inquiries.ask<'close'>(CLOSE)
    inquiries.found(workers[0], workers[0].lastId, { about: 'close', finding: true })
    clock.advance(2000)
    expect(await stands).toEqual({ findings: [true], missing: [1] })
    const fails = inquiries.ask<'close'>(CLOSE, [workers[0]])
    inquiries.found(workers[0], workers[0].lastId, null)
    expect(await fails).toEqual({ findings: [], missing: [0] })
  })

  it('takes an answer from whom it asked alone, and once', async () => {
    const { inquiries, workers } = scene()
    const asked = inquiries.ask<'close'>(CLOSE, [workers[0]])
    inquiries.found(workers[1], workers[0].lastId, { about: 'close', finding: false })
    inquiries.found(workers[0], workers[0].lastId, { about: 'close', finding: true })
    inquiries.found(workers[0], workers[0].lastId, { about: 'close', finding: true })
    expect(await asked).toEqual({ findings: [true], missing: [] })
  })

  it('of nobody ends at once', async () => {
    expect(await scene().inquiries.ask<'close'>(CLOSE, [])).toEqual({ findings: [], missing: [] })
  })

  it('too many is refused, and there is room when others have ended', async () => {
    const { inquiries, clock } = scene()
    const first = Array.from({ length: 16 }, () => inquiries.ask<'close'>(CLOSE))
    await expect(inquiries.ask<'close'>(CLOSE)).rejects.toThrow(TooManyInquiries)
    clock.advance(2000)
    await Promise.all(first)
    const again = inquiries.ask<'close'>(CLOSE)
    clock.advance(2000)
    expect(await again).toMatchObject({ missing: [0, 1] })
  })

  it('of the daemon itself is asked however many of others are under way', async () => {
    const { inquiries, clock, workers } = scene()
    const others = Array.from({ length: 16 }, () => inquiries.ask<'close'>(CLOSE))
    const own = inquiries.askAnyhow<'close'>(CLOSE, [workers[0]])
    inquiries.found(workers[0], workers[0].lastId, { about: 'close', finding: true })
    expect(await own).toEqual({ findings: [true], missing: [] })
    clock.advance(2000)
    await Promise.all(others)
  })
})
